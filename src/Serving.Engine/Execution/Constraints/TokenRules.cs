namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Which tokens a request rules out by their ids: all but those it allows, those that would end an answer before it has its least tokens, the last token of a word that it forbids,
/// where the answer ends with the others, and all but the mark that closes thoughts where these have used their budget up. Immutable.
/// </summary>
public sealed class TokenRules
{
    private readonly int _vocabularySize;
    private readonly int _minTokens;
    private readonly int[] _ends;
    private readonly IReadOnlyList<int[]> _badWords;
    private readonly uint[]? _allowed;
    private readonly ThoughtBudget? _thoughts;

    /// <summary>Creates rules. All token ids are below the vocabulary's size.</summary>
    /// <param name="vocabularySize">Tokens that the model has logits of.</param>
    /// <param name="minTokens">Tokens of an answer before one of <paramref name="ends"/> may come.</param>
    /// <param name="ends">The tokens that end an answer, or would if they were not ignored.</param>
    /// <param name="badWords">Sequences that may not be in an answer, of one token at least.</param>
    /// <param name="allowed">The only tokens that may come; null is all.</param>
    /// <param name="thoughts">What bounds thoughts; null is nothing.</param>
    public TokenRules(int vocabularySize, int minTokens, IEnumerable<int> ends, IReadOnlyList<int[]> badWords, IEnumerable<int>? allowed, ThoughtBudget? thoughts = null)
    {
        _thoughts = thoughts;
        _vocabularySize = vocabularySize;
        _minTokens = minTokens;
        _ends = [.. ends];
        _badWords = badWords;
        if (allowed is not null)
        {
            _allowed = new uint[MaskWords];
            foreach (var token in allowed)
            {
                _allowed[token >> 5] |= 1u << token;
            }
        }
    }

    /// <summary>Words of 32 bits in a mask.</summary>
    public int MaskWords => (_vocabularySize + 31) / 32;

    /// <summary>Makes a mask of every token.</summary>
    public void Fill(Span<uint> mask)
    {
        mask.Fill(uint.MaxValue);
        if ((_vocabularySize & 31) != 0)
        {
            mask[^1] = (1u << _vocabularySize) - 1;
        }
    }

    /// <summary>Takes out of a mask what may not come behind an answer.</summary>
    /// <returns>Whether anything is left.</returns>
    public bool Restrict(ReadOnlySpan<int> answer, Span<uint> mask)
    {
        for (var i = 0; i < _allowed?.Length; i++)
        {
            mask[i] &= _allowed[i];
        }

        if (_thoughts?.MustClose(answer) == true)
        {
            return Only(_thoughts.Marks.Close, mask);
        }

        if (answer.Length < _minTokens)
        {
            foreach (var end in _ends)
            {
                mask[end >> 5] &= ~(1u << end);
            }
        }

        foreach (var word in _badWords)
        {
            if (answer.EndsWith(word.AsSpan(..^1)))
            {
                mask[word[^1] >> 5] &= ~(1u << word[^1]);
            }
        }

        return mask.ContainsAnyExcept(0u);
    }

    private static bool Only(int token, Span<uint> mask)
    {
        var bit = mask[token >> 5] & (1u << token);
        mask.Clear();
        mask[token >> 5] = bit;
        return bit != 0;
    }
}
