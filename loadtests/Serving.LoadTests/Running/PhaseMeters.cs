using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Running;

/// <summary>What is measured of a phase as a whole while it runs. Thread safe.</summary>
/// <param name="clock">The phase's.</param>
/// <param name="fairness">Compares the tenants.</param>
/// <param name="limits">What the generator allows itself.</param>
internal sealed class PhaseMeters(PhaseClock clock, FairnessMeter fairness, PhaseLimits limits)
{
    private readonly Lock _lock = new();
    private int _outstanding;

    /// <summary>By how much requests of open loops were sent late.</summary>
    public LogHistogram Lateness { get; } = new();

    /// <summary>Requests that were due while too many were under way, warm-up included.</summary>
    public long Dropped { get; private set; }

    /// <summary>Most requests under way at once.</summary>
    public int MostOutstanding { get; private set; }

    /// <summary>What happened when.</summary>
    public Timeline Timeline { get; } = new();

    /// <summary>A request of an open loop is due: it is counted as under way, or dropped.</summary>
    /// <param name="load">Whose it is.</param>
    /// <param name="due">When it was due.</param>
    /// <returns>Whether it may be sent.</returns>
    public bool TryBegin(ScenarioLoad load, double due)
    {
        var now = clock.Now;
        Timeline.Arrive(now);
        lock (_lock)
        {
            Lateness.Record(now - due);
            if (_outstanding < limits.MaxOutstanding)
            {
                MostOutstanding = Math.Max(MostOutstanding, ++_outstanding);
                return true;
            }

            Dropped++;
        }

        Timeline.End(now, failed: true);
        if (due >= limits.WarmUp)
        {
            load.Statistics.Drop();
        }

        return false;
    }

    /// <summary>A request of a closed loop, whose number the loop bounds.</summary>
    public void Begin()
    {
        Timeline.Arrive(clock.Now);
        lock (_lock)
        {
            MostOutstanding = Math.Max(MostOutstanding, ++_outstanding);
        }
    }

    /// <summary>A request waits for its first token.</summary>
    public void Wait(ScenarioLoad load) => fairness.Wait(load.Tenant);

    /// <summary>Tokens of a request came.</summary>
    public void Progress(ScenarioLoad load, RequestTimeline request, int tokens)
    {
        var now = clock.Now;
        Timeline.Tokens(now, tokens);
        if (request.OutputTokens == tokens)
        {
            // Still backlogged while its own prompt is served, or it could not be compared.
            fairness.Serve(load.Tenant, request.PromptTokens, tokens);
            fairness.Leave(load.Tenant);
            Timeline.First(now, request.TimeToFirstToken!.Value);
        }
        else
        {
            fairness.Serve(load.Tenant, 0, tokens);
        }
    }

    /// <summary>A request is over.</summary>
    public void End(ScenarioLoad load, RequestTimeline request)
    {
        lock (_lock)
        {
            _outstanding--;
        }

        if (request.First is null)
        {
            fairness.Leave(load.Tenant);
        }

        Timeline.End(clock.Now, request.End == RequestEnd.Failed);
        if (request.Due >= limits.WarmUp)
        {
            load.Statistics.Add(request);
        }
    }
}
