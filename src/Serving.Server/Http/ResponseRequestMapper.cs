using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns a response's body into what the engine takes: a conversation, like a chat's.</summary>
internal static class ResponseRequestMapper
{
    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="history">What it goes on from.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    /// <param name="tools">Its tools.</param>
    /// <returns>The request and the body's own items, or a failure.</returns>
    public static (GenerationRequest? Request, IReadOnlyList<JsonElement> Items, RequestFailure? Failure) Map(
        ResponseRequest body, ResponseHistory history, GenerationRequest blank, ResponseTools tools)
    {
        var (messages, items, failure) = ResponseInput.Read(body, history);
        var (choice, wrongChoice) = ResponseTools.ReadChoice(body.ToolChoice);
        var (constraint, wrongText) = Format(body.Text);
        var (effort, wrongEffort) = Effort(body.Reasoning);
        failure ??= wrongChoice ?? wrongText ?? wrongEffort ?? ChatRequestMapper.CheckKwargs(body.ChatTemplateKwargs);
        if (failure is not null)
        {
            return (null, [], failure);
        }

        (var request, failure) = SamplingMapper.Apply(body, blank with
        {
            Model = body.Model ?? blank.Model,
            Prompt = new ChatPrompt(messages, tools.Chat, TemplateArguments: body.ChatTemplateKwargs)
            {
                Choice = choice,
                ParallelCalls = body.ParallelToolCalls ?? true,
                ReasoningEffort = effort,
            },
            MaxTokens = body.MaxOutputTokens,
            MaxTokensField = "max_output_tokens",
            MaxTokensMayBeCut = true,
            TopLogprobs = body.Include?.Contains(ResponseFields.IncludedLogprobs) == true ? body.TopLogprobs ?? 0 : null,
            TopLogprobsField = "top_logprobs",
        });
        return failure is not null ? (null, [], failure)
            : constraint is not null && request.Constraint is { } other ? (null, [], ConstraintFields.Invalid(other.Field, $"not together with {constraint.Field}."))
            : (request with { Constraint = constraint ?? request.Constraint }, items, null);
    }

    /// <summary>A failure of the engine's, with a chat's fields called as a response has them.</summary>
    /// <param name="failure">The failure.</param>
    /// <param name="tools">The request's tools.</param>
    public static RequestFailure Rename(RequestFailure failure, ResponseTools tools)
    {
        var name = failure.Parameter switch
        {
            null => null,
            "reasoning_effort" => "reasoning.effort",
            var field when field == "messages" || field.StartsWith("messages[", StringComparison.Ordinal) => "input",
            var field => tools.PlaceOf(field).Replace(".function", "", StringComparison.Ordinal).Replace(".custom", "", StringComparison.Ordinal).Replace(".format.grammar", ".format", StringComparison.Ordinal),
        };
        return name == failure.Parameter ? failure : failure with { Parameter = name, Message = failure.Message.Replace(failure.Parameter!, name, StringComparison.Ordinal) };
    }

    // A chat's response_format has the schema one level further in.
    private static (OutputConstraint? Constraint, RequestFailure? Failure) Format(JsonElement? text)
    {
        if (text is not { ValueKind: not JsonValueKind.Null } given)
        {
            return (null, null);
        }

        if (given.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(given))
        {
            return (null, ConstraintFields.Invalid("text", "is an object."));
        }

        if (given.TryGetProperty("verbosity", out var verbosity) && verbosity.ValueKind != JsonValueKind.Null && !KnownFields.IsText(verbosity, "medium"))
        {
            return (null, KnownFields.NotSupported("text.verbosity", verbosity));
        }

        if (!given.TryGetProperty("format", out var format) || format.ValueKind == JsonValueKind.Null)
        {
            return (null, null);
        }

        var type = format.ValueKind == JsonValueKind.Object && format.TryGetProperty("type", out var found) ? found : default;
        return KnownFields.IsText(type, "text") ? (null, null)
            : KnownFields.IsText(type, "json_object") ? (new JsonObjectConstraint("text.format"), null)
            : !KnownFields.IsText(type, "json_schema") ? (null, ConstraintFields.Invalid("text.format", "type is text, json_object or json_schema."))
            : format.TryGetProperty("schema", out var schema) ? ConstraintFields.Schema(schema, "text.format.schema")
            : (null, ConstraintFields.Invalid("text.format", "json_schema has a schema."));
    }

    private static (string? Effort, RequestFailure? Failure) Effort(JsonElement? reasoning)
    {
        if (reasoning is not { ValueKind: not JsonValueKind.Null } given)
        {
            return (null, null);
        }

        if (given.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(given))
        {
            return (null, ConstraintFields.Invalid("reasoning", "is an object."));
        }

        // The most that can be summarised is nothing; whoever insists on a summary is told.
        foreach (var name in new[] { "summary", "generate_summary" })
        {
            if (given.TryGetProperty(name, out var summary) && summary.ValueKind != JsonValueKind.Null && !KnownFields.IsText(summary, "auto"))
            {
                return (null, KnownFields.NotSupported("reasoning." + name, summary));
            }
        }

        if (given.TryGetProperty("context", out var context) && context.ValueKind != JsonValueKind.Null && !KnownFields.IsText(context, "auto"))
        {
            return (null, KnownFields.NotSupported("reasoning.context", context));
        }

        return !given.TryGetProperty("effort", out var effort) || effort.ValueKind == JsonValueKind.Null ? (null, null)
            : effort.ValueKind == JsonValueKind.String ? (effort.GetString(), null)
            : (null, ConstraintFields.Invalid("reasoning.effort", "is a string."));
    }
}
