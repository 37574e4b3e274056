using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns the body of a request to embed into what its inputs have in common. Ranges are checked by the engine.</summary>
internal static class EmbeddingRequestMapper
{
    private const string Base64 = "base64";

    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Common, IReadOnlyList<GenerationPrompt> Inputs, RequestFailure? Failure) Map(EmbeddingRequest body, GenerationRequest blank)
    {
        var (truncation, wrong) = TruncationFields.Read(body.TruncatePromptTokens, body.TruncationSide);
        var hasMessages = body.Messages is { ValueKind: not JsonValueKind.Null };
        var failure = !hasMessages && body.Input is null ? Invalid("input", "is missing")
            : hasMessages && body.Input is not null ? Invalid("messages", "not together with input")
            : !hasMessages && body.AddGenerationPrompt is not null ? Invalid("add_generation_prompt", "only with messages")
            : !hasMessages && body.ChatTemplateKwargs is not null ? Invalid("chat_template_kwargs", "only with messages")
            : body.EncodingFormat is not (null or "float" or Base64) ? Invalid("encoding_format", "float or base64 is expected")
            : wrong ?? UserField.Check(body.User) ?? ChatRequestMapper.CheckKwargs(body.ChatTemplateKwargs);
        return failure is not null ? (null, [], failure) : (
            blank with
            {
                Model = body.Model ?? blank.Model,
                MaxTokens = 0,
                PromptField = hasMessages ? "messages" : "input",
                Truncation = truncation,
                Embedding = new EmbeddingOptions(body.Dimensions, body.Normalize ?? true),
                Priority = body.Priority ?? 0,
            },
            hasMessages ? [new ChatPrompt(body.Messages!.Value, AddGenerationPrompt: body.AddGenerationPrompt ?? false, TemplateArguments: body.ChatTemplateKwargs)] : [.. body.Input!.Items.Select(item => (GenerationPrompt)(item.Text is { } text ? new TextPrompt(text) : new TokenPrompt(item.Tokens!)))],
            null);
    }

    /// <summary>The answer.</summary>
    public static EmbeddingList Map(EmbeddingBatch batch, string? encodingFormat)
    {
        var usage = batch.Usage;
        return new EmbeddingList
        {
            Data = [.. batch.Embeddings.Select((elements, index) => new EmbeddingEntry { Index = index, Embedding = new EmbeddingVector(elements, encodingFormat == Base64) })],
            Model = batch.Model,
            Usage = new EmbeddingUsage(usage.PromptTokens, usage.PromptTokens, new PromptTokensDetails(usage.CachedTokens)),
        };
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}.", field);
}
