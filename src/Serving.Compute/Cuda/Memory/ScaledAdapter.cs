using Serving.Compute.Adapters;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// DoRA as the kernels take it: (x·W + delta) · factor + bias is (x·W) · factor + bias + x·Aᵀ·(factor · B)ᵀ, so that only the product is multiplied in a step. B times its factors is rounded to bf16 once,
/// by as much as the file's own B was.
/// </summary>
internal static class ScaledAdapter
{
    /// <summary>The adapter with factors in the place of its magnitudes and each B times them; as it is where it has no magnitudes.</summary>
    /// <param name="program">The model.</param>
    /// <param name="adapter">The matrices.</param>
    /// <param name="read">Reads the base weights, on several threads at once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="AdapterRangeException">A factor, or an element of B times it, is out of range.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static AdapterWeights Of(ModelProgram program, AdapterWeights adapter, ReadWeightRows read, CancellationToken cancellationToken)
    {
        if (adapter.Slices.All(slice => slice.Magnitudes.IsEmpty))
        {
            return adapter;
        }

        var factors = MagnitudeFactors.Of(program, adapter, read, PreparingThreads.Most, cancellationToken);
        return new AdapterWeights([.. adapter.Slices.Select((slice, i) => factors[i].Length == 0 ? slice : slice with { B = Scale(slice, factors[i]), Magnitudes = factors[i] })]);
    }

    private static ushort[] Scale(AdapterSlice slice, float[] factors)
    {
        var b = slice.B.ToArray();
        for (var i = 0; i < b.Length; i++)
        {
            var element = BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(b[i]) * factors[i / slice.Rank]);
            b[i] = float.IsFinite(BFloat16Bits.ToSingle(element)) ? element : throw new AdapterRangeException("an element of B times its output's factor is out of range");
        }

        return b;
    }
}
