using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Plans of cutting adapters, those used last: most adapters of a model have one of a few sets of ranks, and to lay one out anew takes a tenth of the time that
/// it takes to cut it. Thread-safe.
/// </summary>
/// <param name="slices">Of the model.</param>
/// <param name="pageBytes">Bytes of a page.</param>
internal sealed class CellPlans(IReadOnlyList<LoraSlice> slices, long pageBytes)
{
    /// <summary>Plans that are kept, some 50 KiB each.</summary>
    private const int Kept = 16;

    private readonly Lock _gate = new();
    private readonly List<CellPlan> _byUse = [];

    /// <summary>The plan for an adapter.</summary>
    public CellPlan Of(AdapterWeights adapter)
    {
        lock (_gate)
        {
            var at = _byUse.FindLastIndex(plan => plan.Fit(adapter));
            var plan = at >= 0 ? _byUse[at] : new CellPlan(slices, AdapterLayout.Create(slices, adapter, pageBytes));
            if (at >= 0 || _byUse.Count == Kept)
            {
                _byUse.RemoveAt(Math.Max(0, at));
            }

            _byUse.Add(plan);
            return plan;
        }
    }
}
