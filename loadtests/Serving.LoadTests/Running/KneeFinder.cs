using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Running;

/// <summary>
/// Finds the highest factor at which a load is still good: doubles from the least one until a bad one is found, then halves the interval between the last good and the first bad one by
/// the ratio, so that each further round adds as much precision at any height.
/// </summary>
/// <param name="search">Where, and how precisely.</param>
/// <param name="isGood">Runs a round at a factor; the rounds are numbered.</param>
internal sealed class KneeFinder(KneeSearch search, Func<double, int, Task<bool>> isGood)
{
    /// <summary>Rounds at most.</summary>
    public const int MaxRounds = 40;

    /// <summary>The highest good factor; null when the least is bad, or the search was interrupted before one was found.</summary>
    public async Task<double?> FindAsync(CancellationToken interrupt)
    {
        double? good = null;
        double? bad = null;
        for (var round = 0; round < MaxRounds && Next(good, bad) is { } factor && !interrupt.IsCancellationRequested; round++)
        {
            if (await isGood(factor, round))
            {
                good = factor;
            }
            else if (!interrupt.IsCancellationRequested)
            {
                bad = factor;
            }
        }

        return good;
    }

    private double? Next(double? good, double? bad) => (good, bad) switch
    {
        (null, null) => search.MinFactor,
        (null, _) => null,
        ({ } low, null) => low >= search.MaxFactor ? null : Math.Min(low * 2, search.MaxFactor),
        ({ } low, { } high) => high / low <= 1 + search.Precision ? null : Math.Sqrt(low * high),
    };
}
