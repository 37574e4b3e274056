namespace Serving.Engine.Execution.Drafts;

/// <summary>
/// How likely a guess is to come true, by where it comes from: counted for each sequence by itself, from what came where something was guessed, the last few tens of times. Whether the
/// guess had been computed does not matter.
/// </summary>
internal sealed class DraftChances
{
    /// <summary>What is assumed at first counts as so many guesses.</summary>
    private const float Assumed = 3;

    /// <summary>Guesses of one kind after which the older ones count half.</summary>
    private const float Most = 32;

    private readonly float[] _right = [0.3f * Assumed, 0.45f * Assumed, 0.65f * Assumed, 0.85f * Assumed, 0.8f * Assumed, Assumed];
    private readonly float[] _all = [Assumed, Assumed, Assumed, Assumed, Assumed, Assumed];

    /// <summary>How likely a guess of a kind is to come true, 0 … 1.</summary>
    public float Of(GuessKind kind) => _right[(int)kind] / _all[(int)kind];

    /// <summary>Counts a guess.</summary>
    public void Count(GuessKind kind, bool right)
    {
        var (i, one) = ((int)kind, right ? 1 : 0);
        _all[i]++;
        _right[i] += one;
        if (_all[i] > Most)
        {
            _all[i] /= 2;
            _right[i] /= 2;
        }
    }
}
