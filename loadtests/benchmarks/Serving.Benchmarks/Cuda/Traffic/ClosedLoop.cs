using System.Collections.Concurrent;
using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Execution;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// The daemon's scheduler, adapter residency and backend without its clients: one plan in flight while the next is scheduled, prepared adapters packed on pool threads
/// beside the steps, as <see cref="EngineLoop"/> does it. A new request comes for each that ends.
/// </summary>
internal sealed class ClosedLoop : ISchedulerSink
{
    /// <summary>More than the scheduler has under way at once.</summary>
    private const int MaxLoads = 16;

    private readonly IAsynchronousBackend _backend;
    private readonly Scheduler _scheduler;
    private readonly SyntheticAdapters _adapters;
    private readonly long _pageBytes;
    private readonly StepInputs _inputs = new();
    private readonly StepOutputs _outputs;
    private readonly HashSet<RequestId> _underWay = [];

    private readonly BlockingCollection<(Digest Digest, Exception? Failure)> _loaded = new(MaxLoads);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private StepPlan? _running;
    private int _loading;
    private long _finished;
    private long _tokens;
    private long _steps;
    private long _loads;
    private long _pagesMoved;

    /// <summary>A loop over an empty pool, which the backend has taken.</summary>
    public ClosedLoop(IAsynchronousBackend backend, SchedulerOptions options, StepLimits limits, SyntheticAdapters adapters, long pageBytes, int vocabulary)
    {
        _backend = backend;
        _scheduler = new Scheduler(options, this);
        _adapters = adapters;
        _pageBytes = pageBytes;
        _outputs = new StepOutputs(limits, vocabulary);
    }

    /// <summary>Keeps so many requests under way until some have ended; the rest are cancelled then.</summary>
    public RoundResult Run(RequestSource source, int inFlight, int requests)
    {
        (_finished, _tokens, _steps, _loads, _pagesMoved) = (0, 0, 0, 0, 0);
        var start = Stopwatch.GetTimestamp();
        while (_finished < requests)
        {
            while (_underWay.Count < inFlight)
            {
                Submit(source.Next());
            }

            Turn();
        }

        var result = new RoundResult(Stopwatch.GetElapsedTime(start).TotalSeconds, _tokens, _steps, _loads, _pagesMoved * _pageBytes);
        CancelRest();
        return result;
    }

    /// <inheritdoc/>
    public bool IsReady(Sequence sequence) => true;

    /// <inheritdoc/>
    public TokenVerdict OnToken(Sequence sequence, int token, int output)
    {
        _tokens++;
        return TokenVerdict.Continue;
    }

    /// <inheritdoc/>
    public void OnPromptScored(Sequence sequence, int ordinal, int output)
    {
    }

    /// <inheritdoc/>
    public void OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
        _underWay.Remove(sequence.Request.Id);
        _finished++;
        if (error is { } failure && failure != RequestError.Cancelled)
        {
            throw new InvalidOperationException($"A request ended with {failure}.");
        }
    }

    /// <inheritdoc/>
    public void OnAdapterLoad(AdapterLoad load)
    {
        _loading++;
        _loads++;
        _pagesMoved += load.Pages.Count;
        _ = Task.Run(() => Pack(load));
    }

    /// <inheritdoc/>
    public void OnModuleTransfer(ModuleTransfer transfer) => throw new InvalidOperationException("No request imports a module.");

    private long Now => _clock.ElapsedTicks * 1_000_000 / Stopwatch.Frequency;

    private void Submit(Request request)
    {
        _underWay.Add(request.Id);
        if (_scheduler.Submit(request, Now) is { } error)
        {
            throw new InvalidOperationException($"A request was refused: {error}.");
        }
    }

    private void Pack(AdapterLoad load)
    {
        try
        {
            _backend.PackAdapter(load.Slot, _adapters.Find(load.Digest), [.. load.Pages.Select(page => page.Value)]);
            _loaded.Add((load.Digest, null));
        }
        catch (ComputeException exception)
        {
            _loaded.Add((load.Digest, exception));
        }
    }

    private void Turn()
    {
        TakeLoaded(wait: false);
        var plan = _scheduler.Schedule(Now);
        if (plan is not null)
        {
            StepInputsBuilder.Fill(plan, _inputs);
            _backend.Begin(_inputs, _outputs);
            _steps++;
        }

        if (_running is { } done)
        {
            _backend.End();
            _scheduler.Complete(done, _outputs.TokenIds.AsSpan(0, done.Outputs.Length), Now);
        }
        else if (plan is null)
        {
            TakeLoaded(wait: true);
        }

        _running = plan;
    }

    /// <summary>Tells the scheduler of adapters that have arrived; waits for one where nothing else can go on.</summary>
    private void TakeLoaded(bool wait)
    {
        if (wait && _loading == 0)
        {
            throw new InvalidOperationException("Nothing runs and nothing is loaded, but requests are under way.");
        }

        while (_loading > 0 && _loaded.TryTake(out var loaded, wait ? Timeout.Infinite : 0))
        {
            _loading--;
            wait = false;
            if (loaded.Failure is { } failure)
            {
                throw new ComputeException(failure.Message, failure);
            }

            _scheduler.AdapterReady(loaded.Digest);
        }
    }

    private void CancelRest()
    {
        foreach (var id in _underWay.ToArray())
        {
            _scheduler.Cancel(id);
        }

        while (_running is not null)
        {
            Turn();
        }

        while (_loading > 0)
        {
            TakeLoaded(wait: true);
        }

        _scheduler.CheckIntegrity();
    }
}
