using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// The bound of the Virtual Token Counter (Sheng et al., OSDI 2024, theorem 4.4) between two tenants: over any time in which both have requests waiting, their weighted services differ
/// by at most 2 × max(price of the longest prompt, price of all tokens that may run at once). Service is what was computed: prompt tokens taken from the prefix cache are free.
/// </summary>
internal sealed class FairShares(double[] weights, double bound) : Invariant("14 fair shares")
{
    private const double OutputPrice = 2;

    private readonly Dictionary<SequenceTrack, int> _served = [];
    private readonly double[] _service = new double[2];
    private double _lowest;
    private double _highest;

    /// <summary>The largest difference seen over a time in which both tenants waited.</summary>
    public double LargestGap { get; private set; }

    /// <summary>Steps in which both tenants waited.</summary>
    public int StepsTogether { get; private set; }

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        foreach (ref readonly var planned in plan.Sequences)
        {
            var track = World.TrackOf(planned.Sequence);
            var computed = Math.Min(planned.FirstOrdinal + planned.RowCount, planned.Sequence.PromptCount);
            var before = _served.GetValueOrDefault(track, planned.Sequence.CachedCount);
            if (computed > before)
            {
                _served[track] = computed;
                Serve(world, track, computed - before);
            }
        }
    }

    /// <inheritdoc/>
    public override void OnToken(World world, SequenceTrack track, int token, int output) => Serve(world, track, OutputPrice);

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error) => _served.Remove(track);

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        var difference = (_service[0] / weights[0]) - (_service[1] / weights[1]);
        if (!Waits(world, 0) || !Waits(world, 1))
        {
            _lowest = _highest = difference;
            return;
        }

        StepsTogether++;
        _lowest = Math.Min(_lowest, difference);
        _highest = Math.Max(_highest, difference);
        LargestGap = Math.Max(LargestGap, _highest - _lowest);
        if (LargestGap > bound)
        {
            throw Violated($"weighted services came {LargestGap} apart; the bound is {bound}");
        }
    }

    private static int TenantOf(World world, SimRequest request) => ReferenceEquals(request.Request.Tenant, world.Workload.Tenants[0]) ? 0 : 1;

    private static bool Waits(World world, int tenant) => world.Live.Exists(request => !request.Started && TenantOf(world, request) == tenant);

    private void Serve(World world, SequenceTrack track, double price) => _service[TenantOf(world, track.Owner)] += price;
}
