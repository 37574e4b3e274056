using System.Text.Json;

namespace Serving.LoadTests.Client;

/// <summary>What matters of an event of a streamed answer.</summary>
/// <param name="HasChoices">It brings text or ends a choice.</param>
/// <param name="PromptTokens">usage.prompt_tokens; null where it says nothing.</param>
/// <param name="CompletionTokens">usage.completion_tokens: tokens so far.</param>
/// <param name="CachedTokens">usage.prompt_tokens_details.cached_tokens.</param>
/// <param name="Error">error.code or error.type of a stream that failed.</param>
internal readonly record struct AnswerChunk(bool HasChoices, int? PromptTokens, int? CompletionTokens, int CachedTokens, string? Error)
{
    /// <summary>Reads one; null when it is not JSON of that kind.</summary>
    public static AnswerChunk? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            var usage = Object(root, "usage");
            return new AnswerChunk(
                root.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() > 0,
                Count(usage, "prompt_tokens"),
                Count(usage, "completion_tokens"),
                Count(Object(usage, "prompt_tokens_details"), "cached_tokens") ?? 0,
                Object(root, "error") is { } error ? ErrorCode(error) : null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // Lone surrogates in names and texts are found only when they are looked at.
            return null;
        }
    }

    /// <summary>error.code, or error.type, cut to a length that a report can show.</summary>
    public static string ErrorCode(JsonElement error)
    {
        foreach (var name in new[] { "code", "type" })
        {
            if (error.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            {
                var text = value.ToString();
                return text.Length <= 64 ? text : text[..64];
            }
        }

        return "unknown";
    }

    private static JsonElement? Object(JsonElement? parent, string name) =>
        parent is { } element && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static int? Count(JsonElement? parent, string name) =>
        parent is { } element && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count >= 0 ? count : null;
}
