using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A matrix of the model as an adapter's file names it, and the slices that its outputs are, one behind the other.</summary>
/// <param name="Name">As <c>blk.3.attn_q.weight</c>.</param>
/// <param name="Slices">Its slices.</param>
/// <param name="IsOfMixture">Whether it is of experts, or of what chooses them.</param>
internal sealed record GgufAdapterTarget(string Name, IReadOnlyList<LoraSlice> Slices, bool IsOfMixture)
{
    private readonly Dictionary<LoraSlice, Func<int, int>> _rows = [];
    private TiledHeads? _columns;

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
        var heads = family.TilesValueHeads ? program.Ops.OfType<DeltaRuleOp>().FirstOrDefault()?.Heads : null;
        var linears = program.Ops.OfType<LinearOp>().SelectMany(linear => linear.Slices.Select(slice => (Slice: slice, Part: PartOf(program, linear, slice))));
        foreach (var slices in linears.GroupBy(linear => family.NameOf(linear.Slice)))
        {
            var target = new GgufAdapterTarget(slices.Key, [.. slices.Select(linear => linear.Slice)], ofMixtures.Contains(slices.First().Slice.Index));
            target.Place([.. slices], program.Shape.HeadSize, family.IsInterleaved, heads);
            targets.Add(target.Name, target);
        }

        return targets;
    }

    /// <summary>Where a row of a slice's B is in the file's.</summary>
    public int RowOf(LoraSlice slice, int row) => _rows[slice](row);

    /// <summary>Where an input of A is in the file's.</summary>
    public int ColumnOf(int column) => _columns?.RunAt(column).Source ?? column;

    /// <summary>Whether A's inputs lie in another order in the file.</summary>
    public bool OrdersColumns => _columns is not null;

    private static WeightPart? PartOf(ModelProgram program, LinearOp linear, LoraSlice slice) =>
        program.Weights[linear.Weight].Parts.FirstOrDefault(part => part.Offset == slice.OutputOffset);

    private void Place(IReadOnlyList<(LoraSlice Slice, WeightPart? Part)> slices, int headSize, bool isInterleaved, DeltaRuleHeads? heads)
    {
        var first = 0;
        foreach (var (slice, part) in slices)
        {
            var order = part?.Order;

            // Slices of one matrix lie behind each other, or where their order says.
            var start = order?.PicksFromWhole == true && !IsSplit(slice, part!) ? 0 : first;
            var interleaves = isInterleaved && slice.Projection is Projection.Query or Projection.Key;
            var tiles = heads is null || part is null ? null : TiledHeads.Of(part.TensorName, heads);
            if (tiles is not null && TiledHeads.IsOfColumns(part!.TensorName))
            {
                (_columns, tiles) = (tiles, null);
            }

            _rows[slice] = row =>
            {
                var source = order is null || IsSplit(slice, part!) ? row : order.RunAt(row).Source;
                return tiles?.RunAt(source).Source ?? (start + (interleaves ? Interleaved(source, headSize) : source));
            };
            first += slice.OutputWidth;
        }
    }

    /// <summary>What recurrent layers of Qwen3-Next read: files have two matrices, whose rows lie as they are kept, where checkpoints have one.</summary>
    private static bool IsSplit(LoraSlice slice, WeightPart part) => part.Order is not null && slice.Projection is Projection.MixerInput or Projection.MixerGate;

    /// <summary>The converse of <see cref="InterleavedRows"/>: row i + h × half a head of a checkpoint is row 2i + h there.</summary>
    private static int Interleaved(int row, int headSize)
    {
        var (head, place) = (row / headSize * headSize, row % headSize);
        return head + (2 * (place % (headSize / 2))) + (place / (headSize / 2));
    }
}
