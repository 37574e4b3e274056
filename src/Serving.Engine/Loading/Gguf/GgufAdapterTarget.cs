using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A matrix of the model as an adapter's file names it, and the slices that its outputs are, one behind the other.</summary>
/// <param name="Name">As <c>blk.3.attn_q.weight</c>.</param>
/// <param name="Slices">Its slices.</param>
/// <param name="IsOfMixture">Whether it is of experts, or of what chooses them.</param>
internal sealed record GgufAdapterTarget(string Name, IReadOnlyList<LoraSlice> Slices, bool IsOfMixture)
{
    private readonly Dictionary<LoraSlice, Func<int, int>> _rows = [];

    /// <summary>Its inputs.</summary>
    public int Inputs => Slices[0].InputWidth;

    /// <summary>Its outputs, all slices together; of one expert where it has several.</summary>
    public int Outputs => Slices.Sum(slice => slice.OutputWidth);

    /// <summary>How many matrices the tensor stacks; 1 where it is one.</summary>
    public int Experts => Slices[0].Experts;

    /// <summary>The matrices of a program's Linears, by the names that a family's files have for them.</summary>
    public static Dictionary<string, GgufAdapterTarget> Of(ModelProgram program, GgufAdapterFamily family)
    {
        var (targets, ofMixtures) = (new Dictionary<string, GgufAdapterTarget>(StringComparer.Ordinal), MixtureAdapters.SlicesOf(program));
        foreach (var linear in program.Ops.OfType<LinearOp>())
        {
            foreach (var slices in linear.Slices.GroupBy(family.NameOf))
            {
                var target = new GgufAdapterTarget(slices.Key, [.. slices], ofMixtures.Contains(slices.First().Index));
                target.Place(program, linear, family.IsInterleaved);
                targets.Add(target.Name, target);
            }
        }

        return targets;
    }

    /// <summary>Where a row of a slice's B is in the file's.</summary>
    public int RowOf(LoraSlice slice, int row) => _rows[slice](row);

    private void Place(ModelProgram program, LinearOp linear, bool isInterleaved)
    {
        var (first, headSize) = (0, program.Shape.HeadSize);
        foreach (var slice in Slices)
        {
            var start = first;
            var order = program.Weights[linear.Weight].Parts.FirstOrDefault(part => part.Offset == slice.OutputOffset)?.Order;
            var interleaves = isInterleaved && slice.Projection is Projection.Query or Projection.Key;
            _rows[slice] = row =>
            {
                var source = order?.RunAt(row).Source ?? row;
                return start + (interleaves ? Interleaved(source, headSize) : source);
            };
            first += slice.OutputWidth;
        }
    }

    /// <summary>The converse of <see cref="InterleavedRows"/>: row i + h × half a head of a checkpoint is row 2i + h there.</summary>
    private static int Interleaved(int row, int headSize)
    {
        var (head, place) = (row / headSize * headSize, row % headSize);
        return head + (2 * (place % (headSize / 2))) + (place / (headSize / 2));
    }
}
