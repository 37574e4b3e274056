using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// Within a tenant and a priority requests start in the order of their arrival. With adapters, a request may be passed while its own adapter loads, while others' loads hold the
/// pages that it needs, and a bounded number of times while room for its adapter is lacking; and any number of times while it is not known what its constraint allows.
/// </summary>
internal sealed class FirstComeFirstServed() : Invariant("25 first come first served")
{
    private readonly List<SimRequest> _starting = [];

    /// <summary>The most that any request was passed.</summary>
    public int MostPasses { get; private set; }

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        foreach (var request in world.Live)
        {
            if (request is { Started: true, Seen: false })
            {
                request.Seen = true;
                _starting.Add(request);
            }
        }

        foreach (var started in _starting)
        {
            Pass(world, started);
        }

        _starting.Clear();
    }

    // The scheduler counts a pass while room is lacking, not while the adapter loads; one that is evicted while its request waits loads again and again. Beyond the
    // limit nobody passes while others run, but once they have drained those of other tenants whose turn it is still may.
    private static int Bound(SwarmSettings settings) =>
        settings is { Adapters: 0, Imports: 0 } ? 0 : 4 * (Admission.MaxBypasses + (settings.MaxSequences * (1 + settings.Faults.LoadDelay + settings.Faults.LoadTimeout)));

    private void Pass(World world, SimRequest started)
    {
        foreach (var waiting in world.Live)
        {
            if (waiting.Request.Id.Value >= started.Request.Id.Value)
            {
                break; // Live is in the order of arrival.
            }

            if (FakeMasks.Holds(world, waiting.Tracks[0]) || waiting.Started || waiting.Request.Tenant != started.Request.Tenant || waiting.Request.Priority > started.Request.Priority)
            {
                continue;
            }

            waiting.Passes++;
            MostPasses = Math.Max(MostPasses, waiting.Passes);
            if (waiting.Passes > Bound(world.Settings))
            {
                throw Violated($"{waiting.Request.Id.Value} was passed {waiting.Passes} times, the last time by {started.Request.Id.Value}");
            }
        }
    }
}
