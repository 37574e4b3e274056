namespace Serving.LoadTests.Scenarios;

/// <summary>
/// A stretch of a scenario's load, in NBomber's terms. What injects is an open loop: requests come when they come, whatever the daemon does. What keeps copies constant is a closed
/// loop: a request follows the answer to the one before.
/// </summary>
internal abstract record LoadSimulation
{
    /// <summary>Requests at one mean rate. Intervals are Gamma with the given coefficient of variation, as S-LoRA draws them: 1 is Poisson, 0 a metronome.</summary>
    /// <param name="Rate">Requests per second.</param>
    /// <param name="Cv">Standard deviation of the intervals over their mean.</param>
    /// <param name="Seconds">How long.</param>
    public sealed record Inject(double Rate, double Cv, double Seconds) : LoadSimulation;

    /// <summary>A Poisson process whose rate goes from one to the other in a straight line.</summary>
    public sealed record RampingInject(double From, double To, double Seconds) : LoadSimulation;

    /// <summary>A Poisson process whose rate is drawn anew, uniformly between two, after every interval.</summary>
    public sealed record InjectRandom(double Min, double Max, double Interval, double Seconds) : LoadSimulation;

    /// <summary>So many requests at any time, each after the answer to another; for a time, or for a number of requests in all.</summary>
    public sealed record KeepConstant(int Copies, double? Seconds, int? Requests) : LoadSimulation
    {
        /// <summary>Requests in all at most.</summary>
        public const int MaxRequests = 10_000_000;
    }

    /// <summary>Nothing.</summary>
    public sealed record Pause(double Seconds) : LoadSimulation;

    /// <summary>Arrivals and lengths of a recorded trace.</summary>
    /// <param name="Format">azure (CSV) or mooncake (JSONL).</param>
    /// <param name="Path">The file; null where the command line has to name it.</param>
    /// <param name="Speed">How many times as fast as recorded.</param>
    /// <param name="LengthScale">What lengths are multiplied by, so that they fit the model.</param>
    /// <param name="Seconds">How much of the trace, in seconds of the run.</param>
    /// <param name="MaxPrompt">Longest prompt, tokens; longer ones are cut.</param>
    /// <param name="MaxOutput">Longest answer, tokens; longer ones are cut.</param>
    public sealed record Replay(string Format, string? Path, double Speed, double LengthScale, double Seconds, int MaxPrompt, int MaxOutput) : LoadSimulation;
}
