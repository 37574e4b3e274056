using System.Globalization;

namespace Serving.LoadTests.Running;

/// <summary>Whether the generator itself was what held the load up: such a run says nothing of the daemon, and fails.</summary>
internal static class GeneratorFaults
{
    /// <summary>By how much the 99th percentile of requests may be sent late, seconds.</summary>
    public const double MaxLateness = 0.05;

    /// <summary>What is wrong, a sentence each; none when the load was what it was meant to be.</summary>
    public static IReadOnlyList<string> Of(PhaseMeters meters, int maxOutstanding)
    {
        var faults = new List<string>();
        if (meters.Lateness.Quantile(0.99) is > MaxLateness and var late)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"the generator sent 1 % of its requests {late * 1000:F0} ms late or more (bar {MaxLateness * 1000:F0} ms): it, or the machine, was the bottleneck"));
        }

        if (meters.Dropped > 0)
        {
            faults.Add($"{meters.Dropped} requests were due while {maxOutstanding} were under way and were dropped, unsent: the load was less than the scenario says (max_outstanding)");
        }

        return faults;
    }
}
