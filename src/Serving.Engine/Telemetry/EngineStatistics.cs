using System.Collections.Concurrent;
using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Engine.Telemetry;

/// <summary>Distributions and outcomes of requests since start; bounds are vLLM's, so that its dashboards fit.</summary>
public sealed class EngineStatistics
{
    private static readonly double[] Durations = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
    private static readonly double[] Tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000];
    private readonly long[] _finished = new long[Enum.GetValues<FinishReason>().Length];
    private readonly ConcurrentDictionary<(TenantId Tenant, TenantLimitKind Limit), long> _refused = new();
    private long _constraintCacheHits;
    private readonly long[] _failed = new long[Enum.GetValues<RequestError>().Length];

    /// <summary>Seconds from arrival to the first token.</summary>
    public Histogram TimeToFirstToken { get; } = new(
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560);

    /// <summary>Seconds between tokens of a sequence.</summary>
    public Histogram InterTokenLatency { get; } = new(
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80);

    /// <summary>Mean seconds per output token after the first, per request.</summary>
    public Histogram TimePerOutputToken { get; } = new(
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80);

    /// <summary>Seconds from arrival to the end.</summary>
    public Histogram EndToEnd { get; } = new(Durations);

    /// <summary>Seconds from arrival to the first scheduled step.</summary>
    public Histogram QueueTime { get; } = new(Durations);

    /// <summary>Seconds from the first scheduled step to the first token.</summary>
    public Histogram PrefillTime { get; } = new(Durations);

    /// <summary>Seconds from the first token to the last.</summary>
    public Histogram DecodeTime { get; } = new(Durations);

    /// <summary>Prompt tokens per request.</summary>
    public Histogram PromptTokens { get; } = new(Tokens);

    /// <summary>Generated tokens per request.</summary>
    public Histogram GenerationTokens { get; } = new(Tokens);

    /// <summary>n per request.</summary>
    public Histogram Choices { get; } = new(1, 2, 5, 10, 20);

    /// <summary>max_tokens per request.</summary>
    public Histogram MaxTokens { get; } = new(Tokens);

    /// <summary>Rows per step.</summary>
    public Histogram IterationTokens { get; } = new(1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384);

    /// <summary>Seconds of making a constraint that was not kept into an automaton, with the mask of its first token.</summary>
    public Histogram ConstraintCompileTime { get; } = new(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5);

    /// <summary>Seconds that sequences waited for a mask that nobody had needed before.</summary>
    public Histogram MaskWaitTime { get; } = new(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5);

    /// <summary>Requests whose constraint had been compiled before.</summary>
    public long ConstraintCacheHits => Interlocked.Read(ref _constraintCacheHits);

    /// <summary>Counts a request whose constraint had been compiled before.</summary>
    public void CountConstraintCacheHit() => Interlocked.Increment(ref _constraintCacheHits);

    /// <summary>Choices that ended for a reason.</summary>
    public long Finished(FinishReason reason) => Interlocked.Read(ref _finished[(int)reason]);

    /// <summary>Requests that were refused or ended early, by what for; each once, whatever its number of choices.</summary>
    public long Failed(RequestError error) => Interlocked.Read(ref _failed[(int)error]);

    /// <summary>Counts a request that was refused or ended early.</summary>
    public void CountFailed(RequestError error) => Interlocked.Increment(ref _failed[(int)error]);

    /// <summary>Requests that a tenant's limit refused: a series per tenant that one refused and limit.</summary>
    public IEnumerable<(TenantId Tenant, TenantLimitKind Limit, long Count)> Refused => _refused.Select(pair => (pair.Key.Tenant, pair.Key.Limit, pair.Value));

    /// <summary>Counts a request that a tenant's limit refused.</summary>
    public void CountRefused(TenantId tenant, TenantLimitKind limit) => _refused.AddOrUpdate((tenant, limit), 1, static (_, count) => count + 1);

    /// <summary>Counts a choice's end.</summary>
    public void CountFinished(FinishReason reason) => Interlocked.Increment(ref _finished[(int)reason]);
}
