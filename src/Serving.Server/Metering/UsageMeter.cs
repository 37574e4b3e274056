using System.Text.Json;
using Google.Protobuf.Reflection;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Tenancy;

namespace Serving.Server.Metering;

/// <summary>
/// Follows one request to its end and writes its record. A stream's tokens count when they have been sent; a whole answer's when it has. Used by the request's own
/// thread of control only.
/// </summary>
internal sealed class UsageMeter
{
    private readonly UsageLedger _ledger;
    private readonly UsageRecord _request;
    private readonly CancellationToken _gone;
    private readonly IReadOnlyList<GenerationStream> _streams;
    private readonly int[] _sent;
    private readonly Dictionary<string, int> _reasons = [];
    private readonly long _started;
    private TimeSpan? _firstToken;
    private RequestError? _failure;
    private bool _isWhole;
    private bool _isAnswered;

    /// <summary>Begins when a request has been accepted.</summary>
    /// <param name="ledger">Where its record goes.</param>
    /// <param name="context">The request.</param>
    /// <param name="streams">Its prompts.</param>
    /// <param name="gone">Set when nobody waits for the answer any more.</param>
    public UsageMeter(UsageLedger ledger, HttpContext context, IReadOnlyList<GenerationStream> streams, CancellationToken gone)
    {
        _ledger = ledger;
        _request = About(context);
        _gone = gone;
        _streams = streams;
        _sent = new int[streams.Sum(stream => stream.Choices)];
        _started = ledger.Time.GetTimestamp();
    }

    /// <summary>The answer is sent at once, when everything is there.</summary>
    public void IsWhole() => _isWhole = true;

    /// <summary>An event came.</summary>
    public void OnEvent(GenerationEvent happened)
    {
        _firstToken ??= _ledger.Time.GetElapsedTime(_started);
        _failure ??= happened.Failure?.Error;
        if (happened.FinishReason is FinishReason.Stop or FinishReason.Length)
        {
            var word = happened is { FinishReason: FinishReason.Stop, CallsTools: true } ? "tool_calls" : JsonNamingPolicy.SnakeCaseLower.ConvertName(happened.FinishReason.Value.ToString());
            _reasons[word] = _reasons.GetValueOrDefault(word) + 1;
        }
    }

    /// <summary>It ends with a failure that no event tells.</summary>
    public void OnFailed(RequestError error) => _failure ??= error;

    /// <summary>What an event brought has been sent, or laid aside for a whole answer.</summary>
    public void OnSent(int choice, GenerationEvent happened) => _sent[choice] = happened.OutputTokens;

    /// <summary>The whole answer has been sent.</summary>
    public void OnAnswered() => _isAnswered = true;

    /// <summary>The request ends: writes its record.</summary>
    public void End()
    {
        var isComplete = _isAnswered && !_gone.IsCancellationRequested;
        var usages = _streams.Select(stream => stream.Usage).Where(usage => usage.HasBegun).ToList();
        var completion = _isWhole && !isComplete ? 0 : _sent.Sum();
        var reasoning = Math.Min(completion, usages.Sum(usage => usage.ReasoningTokens));
        var elapsed = _ledger.Time.GetElapsedTime(_started);
        _ledger.Add(_request with
        {
            Time = _ledger.Time.GetUtcNow().UtcDateTime,
            Model = _streams[0].Model,
            Adapter = _streams[0].AdapterDigest,
            Outcome = isComplete ? "completed" : JsonNamingPolicy.SnakeCaseLower.ConvertName((_failure ?? RequestError.Cancelled).ToString()),
            FinishReasons = _reasons.Count > 0 ? _reasons : null,
            PromptTokens = usages.Sum(usage => usage.PromptTokens),
            CachedTokens = usages.Sum(usage => usage.CachedTokens),
            CompletionTokens = completion,
            ReasoningTokens = reasoning > 0 ? reasoning : null,
            DurationMs = Math.Round(elapsed.TotalMilliseconds, 3),
            FirstTokenMs = _firstToken is { } first ? Math.Round(first.TotalMilliseconds, 3) : null,
        });
    }

    // Read at once: a response in the background outlives its request.
    private static UsageRecord About(HttpContext context) => new()
    {
        Id = context.TraceIdentifier,
        Tenant = ApiCaller.Of(context).Tenant.Id.Value,
        Protocol = context.GetEndpoint()?.Metadata.GetMetadata<MethodDescriptor>() is null ? "http" : "grpc",
        Endpoint = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none",
        Time = default,
        Model = "",
        Outcome = "",
        PromptTokens = 0,
        CachedTokens = 0,
        CompletionTokens = 0,
        DurationMs = 0,
    };
}
