using System.Threading.Channels;
using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Execution;

/// <summary>
/// The engine thread: take commands, schedule, execute, complete, again. It owns the scheduler and is worker 0 of the backend; nothing else touches either.
/// It never waits for a socket: events go into bounded channels.
/// </summary>
public sealed class EngineLoop : IDisposable
{
    /// <summary>Commands taken between two steps at most, so that a flood of submissions cannot hold up the running.</summary>
    private const int CommandsPerStep = 64;

    /// <summary>Longest sleep without work: deadlines of waiting requests are looked at this often.</summary>
    private const int IdleMilliseconds = 20;

    private readonly Channel<EngineCommand> _commands;
    private readonly Scheduler _scheduler;
    private readonly OutputSink _sink;
    private readonly IComputeBackend _backend;
    private readonly IAsynchronousBackend? _device;
    private readonly EngineClock _clock;
    private readonly EngineStatistics _statistics;
    private readonly SnapshotPublisher _snapshots;
    private readonly Action<string, Exception> _fault;
    private readonly int _commandCapacity;
    private readonly int _submissionCapacity;
    private readonly StepInputs _inputs = new();
    private readonly StepOutputs _outputs;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastProgress;
    private volatile EngineState _state = EngineState.Ready;
    private Task<bool>? _wake;
    private volatile bool _stopping;
    private int _woken;
    private bool _worked = true;
    private StepPlan? _running;

    /// <summary>Creates the loop; <see cref="Start"/> runs it.</summary>
    /// <param name="scheduler">Decides.</param>
    /// <param name="sink">Takes what the scheduler decided.</param>
    /// <param name="backend">Computes.</param>
    /// <param name="outputs">The step's outputs, which the sink reads logprobs from.</param>
    /// <param name="clock">Time.</param>
    /// <param name="statistics">Where steps are counted.</param>
    /// <param name="snapshots">Publishes the state between steps.</param>
    /// <param name="fault">Told what nobody foresaw.</param>
    /// <param name="submissionCapacity">Commands above which no submission is taken: what else is to be said has room behind them.</param>
    /// <param name="commandCapacity">Commands that can be under way at once: two per admitted request and what adapters need.</param>
    public EngineLoop(
        Scheduler scheduler,
        OutputSink sink,
        IComputeBackend backend,
        StepOutputs outputs,
        EngineClock clock,
        EngineStatistics statistics,
        SnapshotPublisher snapshots,
        Action<string, Exception> fault,
        int submissionCapacity,
        int commandCapacity)
    {
        _scheduler = scheduler;
        _sink = sink;
        _backend = backend;
        _device = backend as IAsynchronousBackend;
        _outputs = outputs;
        _clock = clock;
        _statistics = statistics;
        _snapshots = snapshots;
        _fault = fault;
        _submissionCapacity = submissionCapacity;
        _commandCapacity = commandCapacity;
        _commands = Channel.CreateBounded<EngineCommand>(new BoundedChannelOptions(commandCapacity) { SingleReader = true });
        _thread = new Thread(Run) { IsBackground = true, Name = "engine" };
    }

    /// <summary>Where the loop is in its life.</summary>
    public EngineState State => _state;

    /// <summary>Completes when a drain has finished everything that ran.</summary>
    public Task Idle => _idle.Task;

    /// <summary>Completes when the thread has ended; faulted with the reason when the engine failed.</summary>
    public Task Ended => _ended.Task;

    /// <summary>When the loop last came round, in the clock's microseconds.</summary>
    public long LastProgress => Volatile.Read(ref _lastProgress);

    /// <summary>Starts the thread.</summary>
    public void Start()
    {
        Volatile.Write(ref _lastProgress, _clock.Now);
        _thread.Start();
    }

    /// <summary>Hands a command to the engine thread.</summary>
    /// <returns>False when the queue is full or the loop has ended.</returns>
    public bool TryPost(EngineCommand command) =>
        (!IsSubmission(command) || _commands.Reader.Count < _submissionCapacity) && _commands.Writer.TryWrite(command);

    /// <summary>Has the loop schedule again. One call does for all before the loop comes round: masks may be done faster than steps.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) == 0 && !_commands.Writer.TryWrite(new MaskReadyCommand()))
        {
            Volatile.Write(ref _woken, 0); // It has enough to come round for.
        }
    }

    /// <summary>Stops the loop and waits for the step under way.</summary>
    public void Dispose()
    {
        _stopping = true;
        _commands.Writer.TryWrite(new StopCommand());

        if (_thread.IsAlive)
        {
            _thread.Join();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                Turn();
            }

            End(RequestError.Draining, EngineState.Stopped);
        }
        catch (Exception exception)
        {
            // The device is lost, or there is a bug and nothing can be trusted any more: everyone is told, and whoever runs the process ends it with the reason.
            _state = EngineState.Failed;
            _ended.TrySetException(exception);
            End(RequestError.EngineFailed, EngineState.Failed);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    private void Turn()
    {
        TakeCommands();
        var now = _clock.Now;
        Volatile.Write(ref _lastProgress, now);
        _sink.Now = now;
        var plan = _scheduler.Schedule(now);
        if (plan is null && _running is null)
        {
            _snapshots.Publish(_scheduler, _sink, now, force: _worked);
            _worked = false;
            WaitForCommand();
            return;
        }

        _worked = true;

        if (plan is not null)
        {
            NoteScheduled(plan, now);
            StepInputsBuilder.Fill(plan, _inputs);
        }

        if (Run(plan) is { } done)
        {
            Complete(done);
        }

        if (_device is not null && plan is not null && _inputs.HasLateMasks)
        {
            // The plan before is complete: what its tokens allow next is known, or does not count.
            StepInputsBuilder.FillLateMasks(plan, _inputs);
            _device.Sample(_inputs);
        }
    }

    /// <summary>Executes a plan, or begins it on a device that runs by itself and waits for the one begun before. Returns the plan whose outputs are there.</summary>
    private StepPlan? Run(StepPlan? plan)
    {
        if (_device is null)
        {
            _backend.Execute(_inputs, _outputs);
            return plan;
        }

        var done = _running;
        if (plan is not null)
        {
            _device.Begin(_inputs, _outputs);
        }

        if (done is not null)
        {
            _device.End();
        }

        _running = plan;
        return done;
    }

    private void Complete(StepPlan plan)
    {
        var now = _clock.Now;
        _sink.Now = now;
        _scheduler.Complete(plan, _outputs.TokenIds.AsSpan(0, plan.Outputs.Length), now);
        _statistics.IterationTokens.Observe(plan.RowCount);
        _snapshots.Publish(_scheduler, _sink, now, force: false);
    }

    private void NoteScheduled(StepPlan plan, long now)
    {
        foreach (ref readonly var planned in plan.Sequences)
        {
            if (planned.Sequence.Module is null)
            {
                _sink.StateOf(planned.Sequence).Active.OnScheduled(planned.Sequence, now);
            }
        }
    }

    private void WaitForCommand()
    {
        if (_state == EngineState.Draining && _scheduler.IsIdle)
        {
            _idle.TrySetResult();
        }

        // One wait is kept until it ends: every new one would add a waiter to the channel.
        _wake ??= _commands.Reader.WaitToReadAsync().AsTask();
        if (_wake.Wait(IdleMilliseconds))
        {
            _stopping |= !_wake.Result;
            _wake = null;
        }
    }

    private static bool IsSubmission(EngineCommand command) => command is SubmitCommand or PinModulesCommand;

    // What is not a submission is taken at once, all of it: it takes no time, and somebody's pages or place may wait for it.
    private void TakeCommands()
    {
        var submissions = 0;
        for (var i = 0; i < _commandCapacity && submissions < CommandsPerStep && _commands.Reader.TryRead(out var command); i++)
        {
            _sink.Now = _clock.Now;
            submissions += IsSubmission(command) ? 1 : 0;
            try
            {
                Take(command);
            }
            catch
            {
                Refuse(command, RequestError.EngineFailed); // It is not among those that the end answers.
                throw;
            }
        }
    }

    private void Take(EngineCommand command)
    {
        switch (command)
        {
            case SubmitCommand submit:
                submit.Answer.TrySetResult(Submit(submit.Active));
                break;
            case CancelCommand cancel:
                _scheduler.Cancel(cancel.Id);
                break;
            case AdapterReadyCommand ready:
                _scheduler.AdapterReady(ready.Digest);
                break;
            case AdapterFailedCommand failed:
                _scheduler.AdapterFailed(failed.Digest, failed.Error);
                break;
            case RetireAdapterCommand retire:
                _scheduler.RetireAdapter(retire.Digest);
                break;
            case ModuleTransferredCommand copied:
                Transferred(copied);
                break;
            case MaskReadyCommand:
                Volatile.Write(ref _woken, 0); // It woke the loop.
                break;
            case PinModulesCommand pin:
                pin.Answer.TrySetResult(pin.Modules.Count(module => _scheduler.PinModule(module, pin.Tenant, pin.Adapter)));
                break;
            case UnpinModulesCommand unpin:
                Unpin(unpin);
                break;
            case DrainCommand:
                _scheduler.BeginDrain();
                _state = EngineState.Draining;
                break;
            case DeviceFailedCommand failed:
                throw new ComputeException(failed.Reason.Message, failed.Reason);
            case StopCommand:
                _stopping = true;
                break;
        }
    }

    private void Transferred(ModuleTransferredCommand copied)
    {
        if (copied.Failed)
        {
            _scheduler.ModuleTransferFailed(copied.Number);
        }
        else
        {
            _scheduler.ModuleTransferred(copied.Number);
        }
    }

    private void Unpin(UnpinModulesCommand unpin)
    {
        foreach (var module in unpin.Modules)
        {
            _scheduler.UnpinModule(module, unpin.Adapter);
        }
    }

    // A client that went away while its request was on the way here is not queued at all.
    private RequestError? Submit(ActiveRequest active) =>
        active.IsCancelled ? RequestError.Cancelled : _scheduler.Submit(active.Request, _sink.Now);

    private void End(RequestError error, EngineState state)
    {
        _state = state;
        _commands.Writer.TryComplete();
        while (_commands.Reader.TryRead(out var command))
        {
            Refuse(command, error);
        }

        try
        {
            _sink.Now = _clock.Now;
            _scheduler.Fail(error);
            _snapshots.Publish(_scheduler, _sink, _sink.Now, force: true);
        }
        catch (Exception exception) when (state == EngineState.Failed)
        {
            _fault("The engine failed, and could not end its requests; the process ends them.", exception); // What failed first may be the scheduler itself.
        }

        _idle.TrySetResult();
    }

    private static void Refuse(EngineCommand command, RequestError error)
    {
        if (command is SubmitCommand submit)
        {
            submit.Answer.TrySetResult(error);
        }
        else if (command is PinModulesCommand pin)
        {
            pin.Answer.TrySetResult(0);
        }
    }
}
