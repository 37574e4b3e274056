using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>One prompt of a completion: a text or token ids, one of the two.</summary>
/// <param name="Text">The text, to be encoded.</param>
/// <param name="Tokens">The token ids, taken as they are.</param>
public readonly record struct PromptItem(string? Text, IReadOnlyList<int>? Tokens);

/// <summary>The prompt field of a completion in its four forms, unfolded to a list of prompts.</summary>
/// <param name="Items">At least one prompt.</param>
[JsonConverter(typeof(PromptInputConverter))]
public sealed record PromptInput(IReadOnlyList<PromptItem> Items);
