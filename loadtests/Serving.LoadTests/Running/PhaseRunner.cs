using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Running;

/// <summary>
/// Runs the scenarios of a phase side by side. An open loop sends each request when it is due and waits for no answer; what is due while as many as may be are under way is dropped and
/// counted, never sent later. By how much requests were sent late is measured, and latencies count from when they were due all the same.
/// </summary>
/// <param name="loads">The scenarios.</param>
/// <param name="limits">What the generator allows itself.</param>
/// <param name="fairness">Compares the tenants.</param>
/// <param name="time">The clock, which starts here.</param>
internal sealed class PhaseRunner(IReadOnlyList<ScenarioLoad> loads, PhaseLimits limits, FairnessMeter fairness, TimeProvider time)
{
    // Numbers for the requests of a closed loop that goes by time: more than any of them sends.
    private const long Unbounded = 1L << 32;

    private readonly PhaseClock _clock = new(time);
    private readonly HashSet<Task> _underWay = [];
    private PhaseMeters? _meters;

    /// <summary>What is measured of all scenarios together.</summary>
    public PhaseMeters Meters => _meters ??= new PhaseMeters(_clock, fairness, limits);

    /// <summary>Seconds that were counted: from the end of the warm-up until the last request ended.</summary>
    public double Seconds { get; private set; }

    /// <summary>Runs to the end of the load and of the last request, or until cancelled.</summary>
    /// <param name="interrupt">Ends the run early: what is under way is cut off and not counted.</param>
    public async Task RunAsync(CancellationToken interrupt)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(interrupt);
        var loops = Task.WhenAll(loads.Select(load => RunAsync(load, interrupt, patience.Token)));
        try
        {
            // The time of closed loops that count requests is their own.
            await loops;
        }
        catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
        {
            // The requests under way see it too, and end.
        }

        var rest = Task.WhenAll(UnderWay());
        if (!rest.IsCompleted && !interrupt.IsCancellationRequested)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(limits.Drain), time);
            await using var end = limit.Token.Register(patience.Cancel);
            await rest;
        }

        await rest;
        Seconds = Math.Max(0, _clock.Now - limits.WarmUp);
    }

    private Task RunAsync(ScenarioLoad load, CancellationToken interrupt, CancellationToken patience)
    {
        var loops = new List<Task> { OpenAsync(load, interrupt, patience) };
        var first = (long)load.Plan.Open.Count;
        foreach (var loop in load.Plan.Closed)
        {
            loops.Add(ClosedAsync(load, loop, first, interrupt, patience));
            first += loop.Requests ?? Unbounded;
        }

        return Task.WhenAll(loops);
    }

    private async Task OpenAsync(ScenarioLoad load, CancellationToken interrupt, CancellationToken patience)
    {
        for (var i = 0; i < load.Plan.Open.Count; i++)
        {
            var arrival = load.Plan.Open[i];
            await _clock.UntilAsync(arrival.At, interrupt);
            interrupt.ThrowIfCancellationRequested();
            if (Meters.TryBegin(load, arrival.At))
            {
                Track(SendAsync(load, i, arrival, arrival.At, interrupt, patience));
            }
        }
    }

    private async Task ClosedAsync(ScenarioLoad load, ClosedLoop loop, long first, CancellationToken interrupt, CancellationToken patience)
    {
        await _clock.UntilAsync(loop.At, interrupt);
        var next = -1L;
        await Task.WhenAll(Enumerable.Range(0, loop.Copies).Select(async _ =>
        {
            while (!(_clock.Now >= loop.At + loop.Seconds))
            {
                var number = Interlocked.Increment(ref next);
                if (number >= loop.Requests)
                {
                    return;
                }

                interrupt.ThrowIfCancellationRequested();
                Meters.Begin();
                var sending = SendAsync(load, first + number, default, _clock.Now, interrupt, patience);
                Track(sending);
                await sending;
            }
        }));
    }

    // Making the request and sending it are the pool's work: the loop goes on to the next one that is due.
    private async Task SendAsync(ScenarioLoad load, long number, Arrival arrival, double due, CancellationToken interrupt, CancellationToken patience)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Meters.Wait(load);
        var timeline = new RequestTimeline(_clock, due, load.Requests.Create(number, arrival), (request, tokens) => Meters.Progress(load, request, tokens));
        try
        {
            await load.Target.SendAsync(timeline, patience);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            timeline.Finish(interrupt.IsCancellationRequested ? RequestEnd.Interrupted : RequestEnd.Failed, "unfinished");
        }
        finally
        {
            Meters.End(load, timeline);
        }
    }

    private void Track(Task sending)
    {
        lock (_underWay)
        {
            _underWay.Add(sending);
        }

        sending.ContinueWith(
            ended =>
            {
                // A failure that nobody expected stays, and ends the run when it is waited for.
                if (ended.IsCompletedSuccessfully)
                {
                    lock (_underWay)
                    {
                        _underWay.Remove(ended);
                    }
                }
            },
            TaskScheduler.Default);
    }

    private Task[] UnderWay()
    {
        lock (_underWay)
        {
            return [.. _underWay];
        }
    }
}
