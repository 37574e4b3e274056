using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution.Constraints;

/// <summary>Makes a request's min_tokens, bad_words and allowed_token_ids, and the budget of its thoughts, into rules on the tokens of a model. Thread-safe.</summary>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="vocabularySize">Tokens that it has logits of.</param>
/// <param name="ends">Its end-of-sequence ids.</param>
/// <param name="marks">The tokens that open and close its thoughts; null where these are not bounded.</param>
public sealed class TokenRulesReader(Tokenizer tokenizer, int vocabularySize, IReadOnlyList<int> ends, ThoughtMarks? marks)
{
    /// <summary>The rules of a request; null where it has none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="start">Where its answers begin.</param>
    public TokenRules? Read(GenerationRequest request, ReasoningStart start)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.RulesTokensOut
            ? new TokenRules(
                vocabularySize, request.MinTokens, ends.Concat(request.StopTokenIds).Where(IsSampled), [.. request.BadWords.SelectMany(Spellings)], request.AllowedTokenIds, Budget(request, start))
            : null;
    }

    private ThoughtBudget? Budget(GenerationRequest request, ReasoningStart start) =>
        request.ThinkingBudget is { } tokens && start != ReasoningStart.Answer && marks is { } known && IsSampled(known.Close) ? new ThoughtBudget(tokens, known, start) : null;

    // As a word at the beginning of a text, and as one behind another: with most tokenizers these are different tokens.
    private IEnumerable<int[]> Spellings(string word)
    {
        var bare = word.TrimStart();
        var first = tokenizer.EncodeToIds(bare, addSpecialTokens: false);
        var later = tokenizer.EncodeToIds(" " + bare, addSpecialTokens: false);
        IEnumerable<int[]> spellings = first.AsSpan().SequenceEqual(later) ? [first] : [first, later];
        return spellings.Where(ids => ids.Length > 0 && ids.All(IsSampled));
    }

    private bool IsSampled(int token) => token >= 0 && token < vocabularySize;
}
