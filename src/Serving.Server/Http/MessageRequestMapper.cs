using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns a message's body into what the engine takes: a conversation, like a chat's.</summary>
internal static class MessageRequestMapper
{
    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Request, RequestFailure? Failure) Map(MessageRequest body, GenerationRequest blank)
    {
        var (prompt, isThinkingShown, failure) = Prompt(body);
        var (constraint, wrongFormat) = Format(body);
        failure ??= wrongFormat ?? MessageFields.CheckAnswer(body);
        if (failure is not null)
        {
            return (null, failure);
        }

        (var request, failure) = SamplingMapper.Apply(body with { Stop = body.StopSequences }, blank with
        {
            Model = body.Model ?? blank.Model,
            Prompt = prompt!,
            MaxTokens = body.MaxTokens,
            MaxTokensMayBeCut = true,
            IncludeReasoning = isThinkingShown,
        });
        return failure is not null ? (null, failure)
            : constraint is not null && request.Constraint is { } other ? (null, ConstraintFields.Invalid(other.Field, $"not together with {constraint.Field}."))
            : (request with { Constraint = constraint ?? request.Constraint }, null);
    }

    /// <summary>The conversation of a body, and whether thoughts are given.</summary>
    public static (ChatPrompt? Prompt, bool IsThinkingShown, RequestFailure? Failure) Prompt(MessageRequest body)
    {
        var (messages, failure) = MessageInput.Read(body.Messages, body.System);
        var (tools, wrongTools) = MessageTools.Read(body.Tools);
        var (choice, isParallel, wrongChoice) = MessageTools.ReadChoice(body.ToolChoice);
        var (thinking, wrongThinking) = MessageThinking.Read(body);
        failure ??= wrongTools ?? wrongChoice ?? wrongThinking ?? ChatRequestMapper.CheckKwargs(body.ChatTemplateKwargs);
        return failure is not null ? (null, false, failure) : (new ChatPrompt(messages, tools, TemplateArguments: body.ChatTemplateKwargs)
        {
            Choice = choice,
            ParallelCalls = isParallel,
            ReasoningEffort = thinking.Effort,
            ThinksIfItCan = thinking.IsWished,
            ThinkingBudget = thinking.Budget,
        }, thinking.IsShown, null);
    }

    /// <summary>A failure of the engine's, with a chat's fields called as a message has them.</summary>
    public static RequestFailure Rename(RequestFailure failure, MessageRequest body)
    {
        // Agents look for these words to shorten a conversation.
        if (failure is { Error: RequestError.ContextTooLong, Parameter: "messages" })
        {
            return failure with { Parameter = null, Message = $"prompt is too long: {failure.Message}" };
        }

        var name = failure.Parameter switch
        {
            null => null,
            "stop" => "stop_sequences",
            "reasoning_effort" => body.OutputConfig is { ValueKind: JsonValueKind.Object } config && MessageText.Property(config, "effort") is not null ? "output_config.effort" : "thinking",
            var field when field.StartsWith("messages[", StringComparison.Ordinal) => "messages",
            var field => field.Replace(".function.parameters", ".input_schema", StringComparison.Ordinal).Replace(".function", "", StringComparison.Ordinal),
        };
        return name == failure.Parameter ? failure : failure with
        {
            Parameter = name,
            Message = failure.Message.StartsWith(failure.Parameter + ": ", StringComparison.Ordinal) ? name + failure.Message[failure.Parameter!.Length..] : failure.Message,
        };
    }

    private static (OutputConstraint? Constraint, RequestFailure? Failure) Format(MessageRequest body)
    {
        if (body.OutputConfig is { ValueKind: not (JsonValueKind.Object or JsonValueKind.Null) })
        {
            return (null, ConstraintFields.Invalid("output_config", "is an object."));
        }

        var (constraint, failure) = body.OutputConfig is { ValueKind: JsonValueKind.Object } config && config.TryGetProperty("format", out var format)
            ? Format(format, "output_config.format")
            : (null, null);
        var (older, wrongOlder) = body.OutputFormat is { } given ? Format(given, "output_format") : (null, null);
        failure ??= wrongOlder ?? (constraint is not null && older is not null ? ConstraintFields.Invalid("output_format", "not together with output_config.format.") : null);
        return failure is not null ? (null, failure) : (constraint ?? older, null);
    }

    private static (OutputConstraint? Constraint, RequestFailure? Failure) Format(JsonElement format, string field) =>
        format.ValueKind == JsonValueKind.Null ? (null, null)
        : format.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(format) || MessageText.Property(format, "type") != "json_schema"
            ? (null, ConstraintFields.Invalid(field, "is an object of type json_schema."))
        : format.TryGetProperty("schema", out var schema) ? ConstraintFields.Schema(schema, field + ".schema")
        : (null, ConstraintFields.Invalid(field, "json_schema has a schema."));
}
