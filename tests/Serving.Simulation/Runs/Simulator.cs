using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Failures;
using Serving.Simulation.Faults;
using Serving.Simulation.Invariants;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>One run: the scheduler is driven as the engine drives it, with depth 0 or 1, through safety, liveness and teardown.</summary>
internal sealed class Simulator
{
    private const int FullCheckEvery = 64;
    private const int StepMicroseconds = 1000;

    private readonly SwarmSettings _settings;
    private readonly World _world;
    private readonly Invariant[] _invariants;
    private readonly FakeLoader _loader;
    private readonly Canceller _canceller;
    private readonly Replacer _replacer;
    private readonly DeviceLosses _losses;
    private readonly Pinner _pinner;
    private readonly Prng _clock;
    private readonly Prng _device;
    private readonly int _safetySteps;
    private readonly PlantedBug _bug;

    private Simulator(SwarmSettings settings, int steps, PlantedBug bug, Invariant[] invariants)
    {
        _safetySteps = steps;
        _bug = bug;
        _settings = settings;
        _invariants = invariants;
        _loader = new FakeLoader(settings);
        _canceller = new Canceller(settings, _loader);
        _replacer = new Replacer(settings);
        _losses = new DeviceLosses(settings);
        _pinner = new Pinner(settings);
        _clock = new Prng(settings.Seed, Streams.Clock);
        _device = new Prng(settings.Seed, Streams.Device);
        _world = new World(settings, bug, world => new Recorder(world, _loader, invariants));
    }

    /// <summary>Runs <paramref name="steps"/> steps of safety, then liveness and teardown.</summary>
    public static RunResult Run(SwarmSettings settings, int steps, PlantedBug bug = PlantedBug.None, Invariant[]? more = null)
    {
        var simulator = new Simulator(settings, steps, bug, [.. InvariantSet.Create(settings), .. more ?? []]);
        try
        {
            simulator.Safety();
            simulator.End();
            return simulator.Result(null, "");
        }
        catch (InvariantViolation violation)
        {
            return simulator.Result(violation.Invariant, violation.Message);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return simulator.Result(exception.GetType().Name, exception.ToString());
        }
    }

    private void Safety()
    {
        var drainAt = _settings.Faults.Drain ? _safetySteps - (_safetySteps / 8) : -1;
        for (var step = 0; step < _safetySteps; step++)
        {
            if (step == drainAt)
            {
                _world.Trace.Add(TraceKind.Drain);
                _world.Draining = true;
                _world.Scheduler.BeginDrain();
            }

            Step(arrivals: true);
        }
    }

    private void End()
    {
        _world.FaultsOn = false;
        for (var bound = Liveness.Bound(_world); _world.Live.Count > 0 || _world.Device.InFlight > 0; bound--)
        {
            if (bound == 0)
            {
                throw new InvariantViolation("13 no livelock", $"{_world.Live.Count} requests live on without faults, the first is {_world.Live[0].Request.Id.Value}");
            }

            Step(arrivals: false);
        }

        Teardown();
    }

    private void Teardown()
    {
        if (!_world.Scheduler.IsIdle)
        {
            throw new InvariantViolation("19 drain empties", "every request has ended and the scheduler is not idle");
        }

        Pinner.UnpinAll(_world);
        _world.EvictAll = true;
        for (var step = 0; step < _settings.Pages + _settings.AdapterSlots + 2; step++)
        {
            Step(arrivals: false);
        }

        foreach (var invariant in _invariants)
        {
            invariant.AtRest(_world);
        }
    }

    private void Step(bool arrivals)
    {
        _world.Step++;
        _world.Trace.Step = _world.Step;
        _world.Now += _clock.Chance(_world.FaultsOn ? _settings.Faults.StepDelay : 0) ? StepMicroseconds * _clock.Spread(1, 1000) : StepMicroseconds;
        _loader.Tick(_world);
        _replacer.MayReplace(_world);
        _pinner.MayPin(_world);
        _world.Gate.MayReload(_world);
        if (arrivals)
        {
            Arrive();
        }

        _canceller.MayCancel(_world);
        _losses.MayLose(_world);
        var inFlight = _world.Device.InFlight;
        Launch();
        _canceller.MayCancel(_world);
        Complete(inFlight);
        foreach (var invariant in _invariants)
        {
            invariant.AfterStep(_world, _world.Step % FullCheckEvery == 0);
        }
    }

    private void Arrive()
    {
        for (var count = _world.Workload.Arrivals(); count > 0; count--)
        {
            var request = _world.Workload.Next(_world.Now);
            if (!Admit(request))
            {
                continue;
            }

            _world.Add(request);
            var error = _world.Scheduler.Submit(request.Request, _world.Now);
            if (error is { } refused)
            {
                _world.Remove(request);
                _world.Gate.Withdraw(_world, request);
                _world.Trace.Add(TraceKind.Reject, request.Request.Id.Value, (long)refused);
            }
            else
            {
                _world.Attach(request);
                _world.Trace.Add(TraceKind.Submit, request.Request.Id.Value, request.Request.Prompt.Count, request.Request.Choices);
            }

            foreach (var invariant in _invariants)
            {
                invariant.OnSubmitted(_world, request, error);
            }
        }
    }

    private bool Admit(SimRequest request)
    {
        var decision = _world.Gate.Enter(_world, request);
        foreach (var invariant in _invariants)
        {
            invariant.OnAdmission(_world, request, decision);
        }

        if (!decision.IsAdmitted)
        {
            _world.Trace.Add(TraceKind.Reject, request.Request.Id.Value, -(long)decision.Verdict);
        }

        return decision.IsAdmitted;
    }

    private void Launch()
    {
        var device = _world.Device;
        if (device.InFlight > _settings.Depth || (device.InFlight == 1 && _world.FaultsOn && _device.Chance(_settings.Faults.Bubble)))
        {
            return;
        }

        var plan = _world.Scheduler.Schedule(_world.Now);
        PlanNotes.Take(_world, plan);
        foreach (var invariant in _invariants)
        {
            invariant.OnScheduled(_world, plan);
        }

        if (plan is not null)
        {
            device.Launch(plan);
        }

        if (_device.Chance(0.5))
        {
            device.Execute();
        }
    }

    /// <summary>Completes the oldest plan; with depth 1 only one that was in flight when the step began, so that the next one was scheduled ahead of it.</summary>
    private void Complete(int inFlightBefore)
    {
        var device = _world.Device;
        if (device.InFlight == 0 || (_settings.Depth == 1 && inFlightBefore == 0))
        {
            return;
        }

        device.Execute();
        var flight = device.Oldest;
        _world.Trace.Add(TraceKind.Complete, flight.Plan!.Number);
        _world.Scheduler.Complete(flight.Plan, flight.Tokens, _world.Now);
        device.Retire();
        device.Release(sequence => FakeMasks.IsReady(_world, World.TrackOf(sequence)));
    }

    private RunResult Result(string? violation, string message) => new()
    {
        Settings = _settings,
        Bug = _bug,
        SafetySteps = _safetySteps,
        Violation = violation,
        Message = message,
        Tail = violation is null ? "" : _world.Trace.Tail(SimulationBudget.Tail),
        TraceHash = _world.Trace.Hash,
        AnswersHash = _world.AnswersHash,
        Steps = _world.Step,
        Requests = _world.Accepted,
        Tokens = _world.Device.Sampled,
        Marks = _world.Marks,
    };
}
