using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Server.Metering;

namespace Serving.Server.Front;

/// <summary>An event of one of a submission's prompts.</summary>
/// <param name="Index">The choice's index in the answer: prompt · n + choice.</param>
/// <param name="Event">The event.</param>
internal readonly record struct IndexedEvent(int Index, GenerationEvent Event);

/// <summary>The engine's requests of one HTTP request, one per prompt. Disposing it cancels those that run.</summary>
internal sealed class Submission : IAsyncDisposable
{
    private readonly IReadOnlyList<GenerationStream> _streams;
    private UsageMeter? _meter;

    private Submission(IReadOnlyList<GenerationStream> streams) => _streams = streams;

    /// <summary>Choices over all prompts.</summary>
    public int Choices => _streams.Sum(stream => stream.Choices);

    /// <summary>The model as the client may know it.</summary>
    public string Model => _streams[0].Model;

    /// <summary>Token counts by prompt, exact after the last event.</summary>
    public IEnumerable<GenerationUsage> Usage => _streams.Select(stream => stream.Usage);

    /// <summary>Submits all requests or none, as one of the tenant's requests per minute, and tells in the answer's headers how its rates stand.</summary>
    /// <returns>The submission or the first failure, one of the two.</returns>
    public static async ValueTask<(Submission? Submission, RequestFailure? Failure)> SubmitAsync(
        HttpContext context,
        IEngineClient engine,
        IReadOnlyList<GenerationRequest> requests,
        CancellationToken cancellationToken,
        CancellationToken? gone = null)
    {
        var result = await SubmitAsync(engine, requests, cancellationToken);
        RateHeaders.Set(context, engine);
        if (result.Submission is { } submission && context.RequestServices.GetRequiredService<UsageLedger>() is { IsOn: true } ledger)
        {
            submission._meter = new UsageMeter(ledger, context, submission._streams, gone ?? context.RequestAborted);
        }

        return result;
    }

    private static async ValueTask<(Submission? Submission, RequestFailure? Failure)> SubmitAsync(
        IEngineClient engine,
        IReadOnlyList<GenerationRequest> requests,
        CancellationToken cancellationToken)
    {
        var submission = new Submission(new List<GenerationStream>(requests.Count));
        var streams = (List<GenerationStream>)submission._streams;
        try
        {
            foreach (var request in requests)
            {
                var result = await engine.SubmitAsync(streams.Count == 0 ? request : request with { IsPart = true }, cancellationToken);
                if (result.Stream is null)
                {
                    await submission.DisposeAsync();
                    return (null, WithTheOthers(result.Failure!, streams));
                }

                streams.Add(result.Stream);
            }
        }
        catch
        {
            await submission.DisposeAsync();
            throw;
        }

        return (submission, null);
    }

    /// <summary>The events of all prompts as they come; those of one choice in order.</summary>
    public IAsyncEnumerable<IndexedEvent> ReadAllAsync(CancellationToken cancellationToken)
    {
        var events = _streams.Count == 1 ? ReadAsync(0, cancellationToken) : MergeAsync(cancellationToken);
        return _meter is null ? events : MeterAsync(events, _meter);
    }

    /// <summary>Nothing is sent before everything is there: without <see cref="OnAnswered"/> the client has had nothing.</summary>
    public void AnswerWhole() => _meter?.IsWhole();

    /// <summary>The answer has been sent to its end.</summary>
    public void OnAnswered() => _meter?.OnAnswered();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var stream in _streams)
        {
            await stream.DisposeAsync();
        }

        _meter?.End();
        _meter = null;
    }

    // Who asks for the next event has sent the one before.
    private static async IAsyncEnumerable<IndexedEvent> MeterAsync(IAsyncEnumerable<IndexedEvent> events, UsageMeter meter)
    {
        await foreach (var happened in events)
        {
            meter.OnEvent(happened.Event);
            yield return happened;
            meter.OnSent(happened.Index, happened.Event);
        }
    }

    private async IAsyncEnumerable<IndexedEvent> ReadAsync(int prompt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var first = prompt * _streams[prompt].Choices;
        await foreach (var happened in _streams[prompt].ReadAllAsync(cancellationToken))
        {
            yield return new IndexedEvent(first + happened.Choice, happened);
        }
    }

    /// <summary>Prompts that each fit a limit may together be more than it: then a later try would be refused like this one.</summary>
    public static RequestFailure WithTheOthers(RequestFailure failure, IReadOnlyCollection<GenerationStream> accepted)
    {
        var taken = failure.Limit?.Limit switch
        {
            TenantLimitKind.ConcurrentRequests => accepted.Count,
            TenantLimitKind.TokensInFlight or TenantLimitKind.TokensPerMinute => accepted.Sum(stream => stream.ReservedTokens),
            _ => 0,
        };
        return failure.Limit is { } limit && taken > 0 && taken + limit.Requested > limit.Allowed ? Failures.TooLarge(limit with { Requested = taken + limit.Requested }) : failure;
    }

    // A channel of one: each prompt's own bounded channel is the buffer, and a slow reader is noticed there.
    private async IAsyncEnumerable<IndexedEvent> MergeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var merged = Channel.CreateBounded<IndexedEvent>(new BoundedChannelOptions(1) { SingleReader = true });
        var pumps = Task.WhenAll(Enumerable.Range(0, _streams.Count).Select(prompt => PumpAsync(prompt, merged.Writer, stop.Token)));
        _ = pumps.ContinueWith(done => merged.Writer.TryComplete(done.Exception?.InnerException), TaskScheduler.Default);
        try
        {
            await foreach (var happened in merged.Reader.ReadAllAsync(cancellationToken))
            {
                yield return happened;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await pumps.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PumpAsync(int prompt, ChannelWriter<IndexedEvent> writer, CancellationToken cancellationToken)
    {
        await foreach (var happened in ReadAsync(prompt, cancellationToken))
        {
            await writer.WriteAsync(happened, cancellationToken);
        }
    }
}
