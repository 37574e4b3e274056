using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Server.Metering;

namespace Serving.Server.Front;

/// <summary>
/// The inputs of one request to embed. Each is a request to the engine; a few are under way at a time, and fewer where the tenant's limits, or the queue, leave room for fewer: those that are
/// under way make room for the next. Disposing it ends those that run.
/// </summary>
internal sealed class EmbeddingBatch : IAsyncDisposable
{
    private readonly HttpContext _context;
    private readonly IEngineClient _engine;
    private readonly Func<int, string>? _fieldOf;
    private readonly List<GenerationStream> _streams = [];
    private readonly List<IReadOnlyList<float>> _embeddings = [];
    private UsageMeter? _meter;

    private EmbeddingBatch(HttpContext context, IEngineClient engine, Func<int, string>? fieldOf)
    {
        _context = context;
        _engine = engine;
        _fieldOf = fieldOf;
    }

    /// <summary>The embeddings, in the order of the inputs.</summary>
    public IReadOnlyList<IReadOnlyList<float>> Embeddings => _embeddings;

    /// <summary>The model as the client may know it.</summary>
    public string Model => _streams[0].Model;

    /// <summary>Token counts over all inputs.</summary>
    public GenerationUsage Usage => _streams.Select(stream => stream.Usage).Aggregate((sum, next) => sum with
    {
        PromptTokens = sum.PromptTokens + next.PromptTokens,
        CachedTokens = sum.CachedTokens + next.CachedTokens,
    });

    /// <summary>Embeds inputs, as one of the tenant's requests per minute, and tells in the answer's headers how its rates stand.</summary>
    /// <param name="context">The call.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="common">A request to embed but for its prompt.</param>
    /// <param name="inputs">The inputs.</param>
    /// <param name="atOnce">How many are under way at most.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="fieldOf">What the request calls an input, where not all have one name.</param>
    /// <returns>The batch or the first failure, one of the two.</returns>
    public static async ValueTask<(EmbeddingBatch? Batch, RequestFailure? Failure)> ComputeAsync(
        HttpContext context, IEngineClient engine, GenerationRequest common, IReadOnlyList<GenerationPrompt> inputs, int atOnce, CancellationToken cancellationToken, Func<int, string>? fieldOf = null)
    {
        var batch = new EmbeddingBatch(context, engine, fieldOf);
        try
        {
            var failure = Check(common, inputs, engine.Description) ?? await batch.RunAsync(common, inputs, atOnce, cancellationToken);
            RateHeaders.Set(context, engine);
            if (failure is null)
            {
                return (batch, null);
            }

            batch._meter?.OnFailed(failure.Error);
            await batch.DisposeAsync();
            return (null, failure);
        }
        catch
        {
            await batch.DisposeAsync();
            throw;
        }
    }

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

    private static RequestFailure? Check(GenerationRequest common, IReadOnlyList<GenerationPrompt> inputs, EngineDescription about)
    {
        var field = common.PromptField!;
        var elements = (long)inputs.Count * Math.Clamp(common.Embedding!.Dimensions ?? about.HiddenSize, 1, about.HiddenSize);
        var problem = inputs.Count == 0 ? "expected at least one"
            : inputs.Count > RequestLimits.EmbeddingInputs ? $"at most {RequestLimits.EmbeddingInputs} inputs"
            : elements > RequestLimits.EmbeddingElements ? $"{inputs.Count} embeddings of {elements / inputs.Count} elements are more than {RequestLimits.EmbeddingElements} elements together"
            : null;
        return problem is null ? null : new RequestFailure(RequestError.InvalidRequest, $"{field}: {problem}.", field);
    }

    private async ValueTask<RequestFailure?> RunAsync(GenerationRequest common, IReadOnlyList<GenerationPrompt> inputs, int atOnce, CancellationToken cancellationToken)
    {
        while (_embeddings.Count < inputs.Count)
        {
            var next = _streams.Count;
            var failure = next < inputs.Count && next - _embeddings.Count < atOnce ? await SubmitAsync(common, inputs[next], inputs.Count, cancellationToken) : null;
            var isUnderWay = next > _embeddings.Count;
            if (failure is not null && !(isUnderWay && MakesRoom(failure)))
            {
                return failure.Limit?.Limit == TenantLimitKind.TokensPerMinute ? Submission.WithTheOthers(failure, _streams) : failure;
            }

            // Whoever was taken goes on to the next; else the oldest is awaited, and what it held is free.
            if ((failure is not null || next == _streams.Count) && await ReadAsync(_streams[_embeddings.Count], cancellationToken) is { } ended)
            {
                return ended;
            }
        }

        return null;
    }

    private static bool MakesRoom(RequestFailure failure) =>
        failure.Error == RequestError.QueueFull || failure.Limit?.Limit is TenantLimitKind.ConcurrentRequests or TenantLimitKind.TokensInFlight;

    private async ValueTask<RequestFailure?> SubmitAsync(GenerationRequest common, GenerationPrompt input, int count, CancellationToken cancellationToken)
    {
        var number = _streams.Count;
        var result = await _engine.SubmitAsync(common with { Id = count == 1 ? common.Id : $"{common.Id}-{number}", Prompt = input, PromptField = _fieldOf?.Invoke(number) ?? common.PromptField, IsPart = number > 0 }, cancellationToken);
        if (result.Stream is null)
        {
            return result.Failure;
        }

        _streams.Add(result.Stream);
        if (_meter is null && _context.RequestServices.GetRequiredService<UsageLedger>() is { IsOn: true } ledger)
        {
            _meter = new UsageMeter(ledger, _context, _streams, _context.RequestAborted);
            _meter.IsWhole();
        }

        return null;
    }

    private async ValueTask<RequestFailure?> ReadAsync(GenerationStream stream, CancellationToken cancellationToken)
    {
        await foreach (var happened in stream.ReadAllAsync(cancellationToken))
        {
            if (TerminalFailure.Of(happened) is { } failure)
            {
                return failure;
            }

            if (happened.Embedding is { } embedding)
            {
                _embeddings.Add(embedding);
                return null;
            }
        }

        return new RequestFailure(RequestError.EngineFailed, "The request failed.");
    }
}
