namespace Serving.Protocol.OpenAi;

/// <summary>Logprobs of a chat's tokens.</summary>
/// <param name="Content">One entry per token.</param>
public sealed record ChatLogprobs(IReadOnlyList<ChatTokenLogprob> Content);

/// <summary>A token, its logprob, and the most likely ones at its place.</summary>
public sealed record ChatTokenLogprob
{
    /// <summary>The token's text.</summary>
    public required string Token { get; init; }

    /// <summary>Natural logarithm of its probability.</summary>
    public required float Logprob { get; init; }

    /// <summary>Its bytes: several tokens may make one character.</summary>
    public required IReadOnlyList<int> Bytes { get; init; }

    /// <summary>The most likely tokens, highest first; null inside such a list.</summary>
    public IReadOnlyList<ChatTokenLogprob>? TopLogprobs { get; init; }
}
