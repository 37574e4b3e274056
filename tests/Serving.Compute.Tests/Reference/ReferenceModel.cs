using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Reference;

/// <summary>
/// A whole forward pass in double precision by plain loops, straight from the formulas of the model: no pages, no batches, no tiles. With rounding, values are
/// rounded to bf16 where the design's table says so; without, nowhere. Several ranks go through their lists in step and meet where a list says so.
/// </summary>
public sealed class ReferenceModel
{
    private readonly IReadOnlyList<ReferenceRank> _ranks;

    /// <summary>A pass over <paramref name="test"/>, with an adapter or none.</summary>
    public ReferenceModel(TestProgram test, AdapterWeights? adapter, bool round)
        : this([new ReferenceRank(test.Program, test.Weights, adapter, round)])
    {
    }

    /// <summary>A pass of several ranks over their parts.</summary>
    public ReferenceModel(IReadOnlyList<ReferenceRank> ranks) => _ranks = ranks;

    /// <summary>How near any choice of an expert was to being another, see <see cref="ReferenceRank.ClosestChoice"/>.</summary>
    public double ClosestChoice => _ranks.Min(rank => rank.ClosestChoice);

    /// <summary>What the logits of every position were computed from, after a pass.</summary>
    public double[][] Hidden => _ranks[0].Hidden;

    /// <summary>The logits of every position of a sequence, as the first rank has them.</summary>
    public double[][] Run(IReadOnlyList<int> tokens, IReadOnlyList<int> positions) => RunAll(tokens, positions)[0];

    /// <summary>The logits of every position of a sequence, by rank.</summary>
    public double[][][] RunAll(IReadOnlyList<int> tokens, IReadOnlyList<int> positions)
    {
        foreach (var rank in _ranks)
        {
            rank.Begin(tokens, positions);
        }

        for (var op = 0; op < _ranks[0].OpCount; op++)
        {
            Apply(op);
        }

        return [.. _ranks.Select(rank => rank.Logits)];
    }

    private void Apply(int index)
    {
        switch (_ranks[0].OpAt(index))
        {
            case AllReduceOp reduce:
                var sums = _ranks.Select(rank => rank[reduce.Input]).Aggregate(ReferenceRank.Sum);
                Each(rank => rank[reduce.Output] = reduce.Accumulate ? ReferenceRank.Sum(rank[reduce.Output], sums) : sums);
                break;
            case AllGatherOp gather:
                var columns = _ranks[0].ColumnsOf(gather.Output);
                double[][] rows = [.. _ranks[0][gather.Input].Select((_, row) => _ranks.SelectMany(rank => rank[gather.Input][row]).Take(columns).ToArray())];
                Each(rank => rank[gather.Output] = rows);
                break;
            case LinearOp:
                var shrunk = _ranks.Select(rank => rank.Shrink(index)).ToList();
                Each(rank => rank.Finish(index, [.. shrunk[0].Select((_, slice) => shrunk.Select(part => part[slice]).Aggregate(ReferenceRank.Sum))]));
                break;
            default:
                Each(rank => rank.Apply(index));
                break;
        }
    }

    private void Each(Action<ReferenceRank> action)
    {
        foreach (var rank in _ranks)
        {
            action(rank);
        }
    }
}
