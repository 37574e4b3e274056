using Serving.Core.Scheduling;

namespace Serving.Engine.Execution.Drafts;

/// <summary>
/// Guesses one sequence's coming tokens: what followed where its text was the same before, as far as its constraint takes that, and where the constraint leaves no choice what it demands.
/// Learns from what comes.
/// </summary>
internal sealed class SequenceDrafts
{
    private readonly DraftChances _chances = new();
    private Guess[] _guesses = [];
    private int _count;
    private int _came;

    /// <summary>Guesses the tokens behind the last one.</summary>
    /// <param name="tokens">All tokens of the sequence.</param>
    /// <param name="constraint">What its answer has to be; null for any text.</param>
    /// <param name="drafts">Room.</param>
    /// <returns>How many there are.</returns>
    public int Propose(ReadOnlySpan<int> tokens, IGuessFilter? constraint, Span<Draft> drafts)
    {
        if (_guesses.Length < drafts.Length)
        {
            _guesses = new Guess[drafts.Length];
        }

        var guesses = _guesses.AsSpan(0, drafts.Length);
        var found = LookUp(tokens, guesses);
        (_count, _came) = (constraint?.Follow(guesses, found) ?? found, 0);
        for (var i = 0; i < _count; i++)
        {
            drafts[i] = new Draft(guesses[i].Token, _chances.Of(guesses[i].Kind));
        }

        return _count;
    }

    /// <summary>Takes the token that came.</summary>
    public void OnToken(int token)
    {
        if (_came < _count)
        {
            var guess = _guesses[_came];
            var right = guess.Token == token;
            _chances.Count(guess.Kind, right);
            (_count, _came) = right ? (_count, _came + 1) : (0, 0);
        }
    }

    // What followed the match; where that comes to the end of the text it goes on with what was guessed: the text repeats itself.
    private static int LookUp(ReadOnlySpan<int> tokens, Span<Guess> guesses)
    {
        var (next, length) = TokenLookup.Find(tokens);
        if (length == 0)
        {
            return 0;
        }

        var kind = length switch { 2 => GuessKind.AfterTwo, 3 => GuessKind.AfterThree, < 8 => GuessKind.AfterSome, _ => GuessKind.AfterMany };
        for (var i = 0; i < guesses.Length; i++)
        {
            var from = next + i;
            guesses[i] = new Guess(from < tokens.Length ? tokens[from] : guesses[from - tokens.Length].Token, kind);
        }

        return guesses.Length;
    }
}
