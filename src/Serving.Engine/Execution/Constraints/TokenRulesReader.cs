using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution.Constraints;

/// <summary>Makes a request's min_tokens, bad_words and allowed_token_ids into rules on the tokens of a model. Thread-safe.</summary>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="vocabularySize">Tokens that it has logits of.</param>
/// <param name="ends">Its end-of-sequence ids.</param>
public sealed class TokenRulesReader(Tokenizer tokenizer, int vocabularySize, IReadOnlyList<int> ends)
{
    /// <summary>The rules of a request; null where it has none.</summary>
    public TokenRules? Read(GenerationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.RulesTokensOut
            ? new TokenRules(vocabularySize, request.MinTokens, ends.Concat(request.StopTokenIds).Where(IsSampled), [.. request.BadWords.SelectMany(Spellings)], request.AllowedTokenIds)
            : null;
    }

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
