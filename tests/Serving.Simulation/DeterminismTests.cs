using Serving.Simulation.Runs;
using Serving.Simulation.Swarm;

namespace Serving.Simulation;

/// <summary>A seed is the whole run; and what a request is answered does not depend on how it was scheduled.</summary>
public sealed class DeterminismTests
{
    private const int Steps = 1000;

    public static TheoryData<ulong> Seeds => [.. Enumerable.Range(1, 20).Select(static seed => (ulong)seed)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Run_SameSeedTwice_SameTrace(ulong seed)
    {
        var settings = SwarmDraw.Draw(seed);

        var first = Simulator.Run(settings, Steps);
        var second = Simulator.Run(settings, Steps);

        Assert.True(first.Passed, first.ToString());
        Assert.Equal(first.TraceHash, second.TraceHash);
        Assert.Equal(first.AnswersHash, second.AnswersHash);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Run_DepthZeroAndOne_SameAnswers(ulong seed)
    {
        var settings = SwarmDraw.Draw(seed);
        settings = settings with
        {
            MaxQueued = 100_000,
            Arrivals = settings.Arrivals / 4,
            RequestsPerMinute = 0,
            TokensPerMinute = 0,
            Faults = FaultSet.None with { LoadDelay = settings.Faults.LoadDelay, Replace = settings.Faults.Replace, Preempt = settings.Faults.Preempt, Evict = settings.Faults.Evict },
        };

        var serial = Simulator.Run(settings with { Depth = 0 }, Steps);
        var ahead = Simulator.Run(settings with { Depth = 1 }, Steps);

        Assert.True(serial.Passed, serial.ToString());
        Assert.True(ahead.Passed, ahead.ToString());
        Assert.Equal(serial.Requests, ahead.Requests);
        Assert.Equal(serial.AnswersHash, ahead.AnswersHash);
    }
}
