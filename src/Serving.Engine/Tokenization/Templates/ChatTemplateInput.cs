using System.Text.Json;

namespace Serving.Engine.Tokenization.Templates;

/// <summary>Everything a chat template can see. It reads no clock, no file and no environment.</summary>
public sealed record ChatTemplateInput
{
    /// <summary>The conversation: a JSON array of message objects.</summary>
    public required JsonElement Messages { get; init; }

    /// <summary>The tools a request offers, or null; a template sees <c>none</c> then.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>Whether the prompt ends where the assistant's answer begins.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Text of the begin-of-sequence token; undefined in the template when null.</summary>
    public string? BosToken { get; init; }

    /// <summary>Text of the end-of-sequence token; undefined in the template when null.</summary>
    public string? EosToken { get; init; }

    /// <summary>
    /// Further variables (a request's <c>chat_template_kwargs</c>). A reserved name, such as <c>messages</c>, is refused
    /// with a <see cref="ChatTemplateException"/>.
    /// </summary>
    public IReadOnlyDictionary<string, JsonElement>? Arguments { get; init; }

    /// <summary>The local time that <c>strftime_now</c> formats.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>
    /// Applied to every string value (not to object keys) that comes from <see cref="Messages"/>, <see cref="Tools"/> or
    /// <see cref="Arguments"/>: the tokenizer's way to keep special tokens in them text. Null leaves them as they are.
    /// </summary>
    public Func<string, string>? GuardText { get; init; }
}
