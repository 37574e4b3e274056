using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// What a message says of thinking, in a chat's words: enabled is thinking as usual where the model thinks at all, disabled none, adaptive what the model does of itself. A budget bounds thoughts where the model's end with a
/// single token; elsewhere max_tokens does.
/// </summary>
/// <param name="Effort">reasoning_effort; null where nothing is said.</param>
/// <param name="IsShown">Whether thoughts are given.</param>
/// <param name="IsWished">Whether the model is to think if it can: agents ask every model.</param>
/// <param name="Budget">How many tokens the thoughts may have; null where nothing is said.</param>
internal readonly record struct MessageThinking(string? Effort, bool IsShown, bool IsWished = false, int? Budget = null)
{
    /// <summary>Least budget, by Anthropic's reference.</summary>
    public const int LeastBudget = 1024;

    /// <summary>Reads it.</summary>
    public static (MessageThinking Thinking, RequestFailure? Failure) Read(MessageRequest body)
    {
        var (effort, failure) = ReadEffort(body.OutputConfig);
        if (failure is not null || body.Thinking is not { ValueKind: not JsonValueKind.Null } given)
        {
            return (new MessageThinking(effort, true), failure);
        }

        if (given.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(given))
        {
            return (default, ConstraintFields.Invalid("thinking", "is an object with a type."));
        }

        var (shown, wrongDisplay) = Display(given);
        return MessageText.Property(given, "type") switch
        {
            "adaptive" => (new MessageThinking(effort, shown), wrongDisplay),
            "enabled" when ReadBudget(given, body.MaxTokens) is var (budget, wrongBudget) => (new MessageThinking(effort, shown, IsWished: true, budget), wrongDisplay ?? wrongBudget),
            "disabled" when effort is null => (new MessageThinking("none", true), null),
            "disabled" => (default, ConstraintFields.Invalid("output_config.effort", "not together with thinking that is disabled.")),
            "between_tools" => (default, KnownFields.NotSupported("thinking.type", given.GetProperty("type"))),
            _ => (default, ConstraintFields.Invalid("thinking.type", "is enabled, disabled or adaptive.")),
        };
    }

    private static (string? Effort, RequestFailure? Failure) ReadEffort(JsonElement? config) =>
        config is not { ValueKind: JsonValueKind.Object } given || !given.TryGetProperty("effort", out var effort) || effort.ValueKind == JsonValueKind.Null ? (null, null)
        : KnownFields.IsText(effort, "low", "medium", "high", "xhigh", "max") ? (effort.GetString(), null)
        : (null, ConstraintFields.Invalid("output_config.effort", "is low, medium, high, xhigh or max."));

    private static (bool IsShown, RequestFailure? Failure) Display(JsonElement thinking) =>
        !thinking.TryGetProperty("display", out var display) || display.ValueKind == JsonValueKind.Null || KnownFields.IsText(display, "summarized") ? (true, null)
        : KnownFields.IsText(display, "omitted") ? (false, null)
        : (true, ConstraintFields.Invalid("thinking.display", "is summarized or omitted."));

    private static (int Tokens, RequestFailure? Failure) ReadBudget(JsonElement thinking, int? maxTokens) =>
        thinking.TryGetProperty("budget_tokens", out var budget) && budget.ValueKind == JsonValueKind.Number && budget.TryGetInt32(out var tokens) && tokens >= LeastBudget && !(tokens >= maxTokens)
            ? (tokens, null)
            : (0, ConstraintFields.Invalid("thinking.budget_tokens", $"is an integer of at least {LeastBudget}, and less than max_tokens."));
}
