using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using ConstraintCase = Serving.Protocol.V1.GenerateRequest.ConstraintOneofCase;
using PromptCase = Serving.Protocol.V1.GenerateRequest.PromptOneofCase;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Turns a message into what the engine takes. Ranges are checked there.</summary>
internal static class GenerateRequestMapper
{
    /// <summary>Maps a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Request, RequestFailure? Failure) Map(GenerateRequest message, GenerationRequest blank)
    {
        var (prompt, failure) = Prompt(message);
        failure ??= UserField.Check(message.User);
        var (constraint, unusable) = Constraint(message);
        var (truncation, wrong) = TruncationFields.Read(message.HasTruncatePromptTokens ? message.TruncatePromptTokens : null, message.HasTruncationSide ? message.TruncationSide : null);
        failure ??= unusable ?? wrong;
        return failure is not null ? (null, failure) : (blank with
        {
            Model = message.Model.Length > 0 ? message.Model : blank.Model,
            Prompt = prompt!,
            SchemaName = message.HasPromptSchema ? message.PromptSchema : null,
            Truncation = truncation,
            MaxTokens = message.HasMaxTokens ? message.MaxTokens : null,
            MaxTokensMayBeCut = prompt is ChatPrompt,
            Choices = message.HasN ? message.N : 1,
            Temperature = message.HasTemperature ? message.Temperature : null,
            TopP = message.HasTopP ? message.TopP : null,
            TopK = message.HasTopK ? message.TopK : null,
            MinP = message.HasMinP ? message.MinP : null,
            PresencePenalty = message.HasPresencePenalty ? message.PresencePenalty : null,
            FrequencyPenalty = message.HasFrequencyPenalty ? message.FrequencyPenalty : null,
            RepetitionPenalty = message.HasRepetitionPenalty ? message.RepetitionPenalty : null,
            Seed = message.HasSeed ? message.Seed : null,
            LogitBias = message.LogitBias.Count > 0 ? message.LogitBias.ToDictionary() : null,
            Stop = message.Stop,
            StopTokenIds = message.StopTokenIds,
            MinTokens = message.MinTokens,
            BadWords = message.BadWords,
            AllowedTokenIds = message.AllowedTokenIds.Count > 0 ? message.AllowedTokenIds : null,
            IgnoreEos = message.IgnoreEos,
            Constraint = constraint,
            TopLogprobs = message.HasLogprobs ? message.Logprobs : null,
            TopLogprobsField = "logprobs",
            PromptLogprobs = message.HasPromptLogprobs ? message.PromptLogprobs : null,
            Echo = message.Echo,
            IncludeReasoning = !message.HasIncludeReasoning || message.IncludeReasoning,
            Priority = message.Priority,
        }, null);
    }

    private static (OutputConstraint? Constraint, RequestFailure? Failure) Constraint(GenerateRequest message) => message.ConstraintCase switch
    {
        ConstraintCase.JsonObject => (message.JsonObject ? new JsonObjectConstraint("json_object") : null, null),
        ConstraintCase.JsonSchema => ConstraintFields.Schema(message.JsonSchema, "json_schema"),
        ConstraintCase.Regex => ConstraintFields.Pattern(message.Regex, "regex"),
        ConstraintCase.Grammar => ConstraintFields.Grammar(message.Grammar, "grammar"),
        ConstraintCase.Choice => ConstraintFields.Choice(message.Choice.Texts, "choice"),
        _ => (null, null),
    };

    private static (GenerationPrompt? Prompt, RequestFailure? Failure) Prompt(GenerateRequest message) => message.PromptCase switch
    {
        PromptCase.Text => (new TextPrompt(message.Text), null),
        PromptCase.TokenIds => (new TokenPrompt(message.TokenIds.Ids), null),
        PromptCase.Chat when message.Echo => (null, new RequestFailure(RequestError.NotSupported, "echo is not supported in a chat.", "echo")),
        PromptCase.Chat => ChatMapper.Map(message.Chat),
        _ => (null, new RequestFailure(RequestError.InvalidRequest, "prompt: is missing: chat, text or token_ids.", "prompt")),
    };
}
