using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// How a matrix of integers becomes bf16 for cuBLASLt: slab by slab of its outputs, equally large, in memory that all matrices share. Where they are cut depends on the weight alone.
/// </summary>
internal static class DecodedSlabs
{
    /// <summary>
    /// Bytes of a slab: an o or down of an 8B model whole, its gate_up in two. Less would leave a product of a few hundred rows too few tiles for a large device, more is memory that a small one
    /// has better uses for.
    /// </summary>
    public const long MostBytes = 128L << 20;

    /// <summary>Outputs of a slab, whole strips; the last one may be smaller.</summary>
    public static int RowsOf(int outputs, int inputs, long mostBytes)
    {
        var slabs = Math.Max(1, ((long)outputs * RowBytes(inputs) + mostBytes - 1) / mostBytes);
        var rows = (outputs + slabs - 1) / slabs;
        return (int)((rows + IntegerStrips.Rows - 1) / IntegerStrips.Rows * IntegerStrips.Rows);
    }

    /// <summary>Bytes of the largest slab of a program's matrices; 0 where none is of integers but those of experts, which are multiplied as they are.</summary>
    public static long BytesOf(ModelProgram program, long mostBytes) => program.Weights
        .Where(weight => weight.Format is not (WeightFormat.BFloat16 or WeightFormat.Float32) && weight.Experts == 1)
        .Select(weight => Math.Min(weight.Rows, RowsOf(weight.Rows, weight.Columns, mostBytes)) * RowBytes(weight.Columns))
        .DefaultIfEmpty()
        .Max();

    private static long RowBytes(int inputs) => (long)Strides.Of(inputs) * sizeof(ushort);
}
