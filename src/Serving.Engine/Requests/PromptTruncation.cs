namespace Serving.Engine.Requests;

/// <summary>How many tokens of an encoded prompt are kept, vLLM's truncate_prompt_tokens; what is more than that is cut off.</summary>
/// <param name="Tokens">So many at most; <see cref="RestOfContext"/> is as many as the model's length leaves beside max_tokens.</param>
/// <param name="KeepsFirst">Whether the first are kept; the last otherwise.</param>
public sealed record PromptTruncation(int Tokens, bool KeepsFirst = false)
{
    /// <summary>The field, for messages.</summary>
    public const string Field = "truncate_prompt_tokens";

    /// <summary>As many tokens as fit.</summary>
    public const int RestOfContext = -1;

    /// <summary>How many tokens of a request's prompt are kept at most; not above 0 where max_tokens leaves none.</summary>
    /// <param name="maxTokens">The request's max_tokens; null leaves room for one.</param>
    /// <param name="maxModelLength">Tokens of prompt and output together.</param>
    public int Most(int? maxTokens, int maxModelLength) => Tokens == RestOfContext ? maxModelLength - (maxTokens ?? 1) : Tokens;

    /// <summary>What is kept of a prompt.</summary>
    /// <param name="prompt">Its tokens.</param>
    /// <param name="most">So many at most.</param>
    public int[] Of(int[] prompt, int most)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return prompt.Length <= most ? prompt : KeepsFirst ? prompt[..most] : prompt[^most..];
    }
}
