using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Measurement;

/// <summary>How a request ended.</summary>
internal enum RequestEnd
{
    /// <summary>Answered to its last token.</summary>
    Ok,

    /// <summary>Its client hung up, as it was meant to.</summary>
    HungUp,

    /// <summary>Refused, failed, cut off or not finished in time.</summary>
    Failed,

    /// <summary>Cut off because the run was interrupted; it counts for nothing.</summary>
    Interrupted,
}

/// <summary>What happened to a request and when, in seconds of its phase. One thread at a time.</summary>
/// <param name="clock">The phase's.</param>
/// <param name="due">When it was scheduled: latencies count from here, not from when it was sent.</param>
/// <param name="request">Which one.</param>
/// <param name="progress">Hears of tokens as they come: how many came.</param>
internal sealed class RequestTimeline(PhaseClock clock, double due, PlannedRequest request, Action<RequestTimeline, int> progress)
{
    private readonly List<double> _gaps = [];
    private double _last;

    /// <summary>Which one.</summary>
    public PlannedRequest Request => request;

    /// <summary>When it was scheduled.</summary>
    public double Due => due;

    /// <summary>When its first token came; null: none did.</summary>
    public double? First { get; private set; }

    /// <summary>When it ended.</summary>
    public double Ended { get; private set; }

    /// <summary>How it ended.</summary>
    public RequestEnd End { get; private set; }

    /// <summary>What it failed with: http_429, connection, …</summary>
    public string? Error { get; private set; }

    /// <summary>Tokens of its prompt as the daemon counted them; 0 when it never said.</summary>
    public int PromptTokens { get; private set; }

    /// <summary>Those of them whose states were reused.</summary>
    public int CachedTokens { get; private set; }

    /// <summary>Tokens of its answer.</summary>
    public int OutputTokens { get; private set; }

    /// <summary>Seconds between events that brought tokens.</summary>
    public IReadOnlyList<double> Gaps => _gaps;

    /// <summary>Seconds to the first token.</summary>
    public double? TimeToFirstToken => First - due;

    /// <summary>Seconds per token after the first; null for fewer than two.</summary>
    public double? TimePerOutputToken => OutputTokens > 1 ? (_last - First) / (OutputTokens - 1) : null;

    /// <summary>The prompt was counted.</summary>
    public void Prompt(int tokens, int cached) => (PromptTokens, CachedTokens) = (tokens, cached);

    /// <summary>An event came.</summary>
    /// <param name="total">Tokens of the answer so far.</param>
    public void Tokens(int total)
    {
        if (total <= OutputTokens)
        {
            return;
        }

        var (now, added) = (clock.Now, total - OutputTokens);
        if (First is null)
        {
            First = now;
        }
        else
        {
            _gaps.Add(now - _last);
        }

        (_last, OutputTokens) = (now, total);
        progress(this, added);
    }

    /// <summary>It is over.</summary>
    public void Finish(RequestEnd end, string? error = null)
    {
        (End, Error, Ended) = (end, error, clock.Now);
    }
}
