using Serving.Core.Adapters;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Hosting;

/// <summary>
/// The only door into a running engine. Works on the callers' threads: validates, admits, renders, tokenises, and hands commands to the engine thread.
/// </summary>
public sealed class EngineClient : IEngineClient
{
    private readonly EngineParts _parts;

    /// <summary>Opens the door to an engine.</summary>
    internal EngineClient(EngineParts parts) => _parts = parts;

    /// <inheritdoc/>
    public EngineDescription Description => _parts.Description;

    /// <inheritdoc/>
    public EngineState State => _parts.Loop.State;

    /// <inheritdoc/>
    public bool IsAlive =>
        State != EngineState.Failed && (_parts.Clock.Now - _parts.Loop.LastProgress) * 1e-6 < _parts.Options.WatchdogSeconds;

    /// <inheritdoc/>
    public EngineSnapshot Snapshot => _parts.Snapshots.Current;

    /// <inheritdoc/>
    public EngineStatistics Statistics => _parts.Statistics;

    /// <inheritdoc/>
    public HostCaches Caches
    {
        get
        {
            var (adapters, constraints) = (_parts.Adapters.Kept, _parts.Constraints.Kept);
            return new HostCaches(adapters.Count, adapters.Bytes, constraints.Count, constraints.Bytes, _parts.Schemas.Count);
        }
    }

    /// <inheritdoc/>
    public IPromptSchemas Schemas => _parts.Schemas;

    /// <inheritdoc/>
    public TenantRates RatesOf(Tenant tenant) => _parts.Admission.RatesOf(tenant);

    /// <inheritdoc/>
    public ValueTask<SubmitResult> SubmitAsync(GenerationRequest request, CancellationToken cancellationToken) => SubmitAsync(request, null, cancellationToken);

    /// <summary>Submits a request whose prompt is encoded already, its positions and imports included; null encodes it.</summary>
    internal async ValueTask<SubmitResult> SubmitAsync(GenerationRequest request, EncodedPrompt? encoded, CancellationToken cancellationToken)
    {
        var result = await AdmitAsync(request, encoded, cancellationToken);
        if (result.Failure is { } failure)
        {
            Statistics.CountFailed(failure.Error);
            if (failure.Limit is { } limit)
            {
                Statistics.CountRefused(request.Tenant.Id, limit.Limit);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public async ValueTask<TokenizeResult> TokenizeAsync(
        Tenant tenant,
        string? model,
        GenerationPrompt prompt,
        bool addSpecialTokens,
        CancellationToken cancellationToken)
    {
        if (await CheckAsync(tenant, model, cancellationToken) is { } unknown)
        {
            return new TokenizeResult([], [], unknown);
        }

        if (prompt is ChatPrompt chat && _parts.Validator.ValidateChat(chat) is { } invalid)
        {
            return new TokenizeResult([], [], invalid);
        }

        var encoded = await _parts.Encoder.EncodeAsync(tenant.Id, prompt, addSpecialTokens, cancellationToken);
        return encoded.Failure is { } failure
            ? new TokenizeResult([], [], failure)
            : new TokenizeResult(encoded.Tokens, await _parts.Encoder.TokenTextsAsync(tenant.Id, encoded.Tokens, cancellationToken), null);
    }

    /// <inheritdoc/>
    public async ValueTask<DetokenizeResult> DetokenizeAsync(Tenant tenant, string? model, IReadOnlyList<int> tokens, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var failure = await CheckAsync(tenant, model, cancellationToken) ?? _parts.Validator.ValidateDecoded(tokens);
        return failure is null ? new DetokenizeResult(await _parts.Encoder.DecodeAsync(tenant.Id, tokens, cancellationToken), null) : new DetokenizeResult("", failure);
    }

    /// <inheritdoc/>
    public async ValueTask<ListedModels> ListModelsAsync(Tenant tenant, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        var (adapters, failure) = await _parts.Adapters.ListAsync(tenant, cancellationToken);
        return new ListedModels([Base, .. adapters], failure);
    }

    /// <inheritdoc/>
    public async ValueTask<FoundModel> FindModelAsync(Tenant tenant, string name, CancellationToken cancellationToken) =>
        name == Description.ModelName ? new FoundModel(Base, null) : await _parts.Adapters.FindAsync(tenant, name, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<RequestFailure?> LoadAdapterAsync(
        Tenant tenant,
        bool isAdmin,
        string name,
        string? path,
        bool loadInPlace,
        CancellationToken cancellationToken) => _parts.Adapters.LoadAsync(tenant, isAdmin, name, path, loadInPlace, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<RequestFailure?> UnloadAdapterAsync(Tenant tenant, bool isAdmin, string name, CancellationToken cancellationToken) =>
        _parts.Adapters.UnloadAsync(tenant, isAdmin, name, cancellationToken);

    /// <inheritdoc/>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        while (!_parts.Loop.TryPost(new DrainCommand()) && !_parts.Loop.Ended.IsCompleted)
        {
            await Task.Delay(20, cancellationToken); // Behind what fills the queue now.
        }

        await _parts.Loop.Idle.WaitAsync(cancellationToken);
    }

    private static SubmitResult Refused(RequestFailure failure) => new(null, failure);

    private RequestFailure? NotServing() => State switch
    {
        EngineState.Ready => null,
        EngineState.Starting => Failures.Of(RequestError.NotReady),
        EngineState.Failed => Failures.Of(RequestError.EngineFailed),
        _ => Failures.Of(RequestError.Draining),
    };

    private ModelEntry Base => new(Description.ModelName, null, Description.ModelName, null, Description.CreatedUnixSeconds);

    private ValueTask<RequestFailure?> CheckAsync(Tenant tenant, string? model, CancellationToken cancellationToken) =>
        model is null ? ValueTask.FromResult<RequestFailure?>(null) : _parts.Adapters.CheckAsync(tenant, model, cancellationToken);

    private async ValueTask<SubmitResult> AdmitAsync(GenerationRequest request, EncodedPrompt? encoded, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var arrival = _parts.Clock.Now;
        if (NotServing() is { } closed)
        {
            return Refused(closed);
        }

        if (_parts.Validator.Validate(request) is { } invalid)
        {
            return Refused(invalid);
        }

        (request, var unbounded) = _parts.Reasoning.Bound(request);
        if (unbounded is not null)
        {
            return Refused(unbounded);
        }

        using var admission = _parts.Admission.Enter(request.Tenant, request.IsPart, out var full);
        if (admission is null)
        {
            return Refused(full!);
        }

        var (adapter, unusable) = await _parts.Adapters.OpenAsync(request.Tenant, request.Model, request.Timeout, cancellationToken);
        if (unusable is not null)
        {
            return Refused(unusable);
        }

        var prompt = encoded ?? await _parts.Encoder.EncodeAsync(request, adapter, cancellationToken);
        if ((prompt.Failure ?? _parts.Validator.ValidateEncoded(request, prompt.Tokens, prompt.NextPosition)) is { } failure)
        {
            return Refused(failure);
        }

        var start = _parts.Reasoning.StartOf(request, prompt.Tokens);
        var (constraint, wrong) = await _parts.Constraints.OpenAsync(request, start, cancellationToken);
        return wrong is not null ? Refused(wrong) : await QueueAsync(request, prompt, adapter, start, constraint, admission, arrival, cancellationToken);
    }

    private async ValueTask<SubmitResult> QueueAsync(
        GenerationRequest source,
        EncodedPrompt prompt,
        AdapterRef? adapter,
        ReasoningStart start,
        RequestConstraint? constraint,
        Admission admission,
        long arrival,
        CancellationToken cancellationToken)
    {
        var request = _parts.Requests.Create(source, prompt, adapter);
        if (!admission.TryReserve(request.ReservedTokens, out var overLimit))
        {
            return Refused(overLimit!);
        }

        var active = new ActiveRequest(request, source, prompt.Modules, _parts.Options.StreamCapacity, arrival, _parts.Statistics, admission)
        {
            Constraint = constraint,
            ReasoningStart = start,
        };
        admission.Keep();
        request.Owner = active;
        var answer = new TaskCompletionSource<RequestError?>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_parts.Loop.TryPost(new SubmitCommand(active, answer)))
        {
            active.Withdraw();
            return Refused(NotServing() ?? Failures.Of(RequestError.QueueFull));
        }

        // From here on the request belongs to the engine: cancelling tells it so, and it answers in any case.
        var registration = cancellationToken.UnsafeRegister(_ => Cancel(active), null);
        if (await answer.Task is { } refused)
        {
            await registration.DisposeAsync();
            if (refused == RequestError.Cancelled)
            {
                active.Release();
            }
            else
            {
                active.Withdraw();
            }

            return Refused(Failures.Of(refused));
        }

        active.OnReleased(() => registration.Unregister()); // The engine thread waits for nobody's callback.
        return new SubmitResult(
            new GenerationStream(source.Id, source.Model, prompt.Tokens, request.Choices, active.Events, () => active.Usage, () => Cancel(active))
            {
                ReservedTokens = request.ReservedTokens,
                AdapterDigest = adapter?.Digest.ToString(),
            },
            null);
    }

    private void Cancel(ActiveRequest active)
    {
        if (!active.IsCancelled && !active.HasEnded)
        {
            active.IsCancelled = true;
            _parts.Loop.TryPost(new CancelCommand(active.Request.Id));
        }
    }
}
