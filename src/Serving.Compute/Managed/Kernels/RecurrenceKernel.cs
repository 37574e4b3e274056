using System.Runtime.CompilerServices;
using Serving.Compute.Managed.Lanes;

namespace Serving.Compute.Managed.Kernels;

/// <summary>What layers that remember are made of. Columns are independent of each other, and sums run over taps or keys in ascending order, so that no bit depends on the width of vectors.</summary>
internal static unsafe class RecurrenceKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <summary>y = activation(Σⱼ weight[j] · rows[j] + bias) column by column, j ascending.</summary>
    /// <param name="rows">The columns in each of the rows that an output reads, the oldest first.</param>
    /// <param name="weight">The oldest tap's columns.</param>
    /// <param name="stride">Floats from one tap to the next.</param>
    /// <param name="bias">Null for none.</param>
    /// <param name="y">The output.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="silu">Whether SiLU is the activation.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Convolve(ReadOnlySpan<nint> rows, float* weight, int stride, float* bias, float* y, int columns, bool silu)
    {
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var sum = TL.Broadcast(0);
            for (var j = 0; j < rows.Length; j++)
            {
                sum = TL.MultiplyAdd(TL.Load(weight + ((long)j * stride) + i), TL.Load((float*)rows[j] + i), sum);
            }

            sum = bias is null ? sum : TL.Add(sum, TL.Load(bias + i));
            TL.Store(silu ? Silu(sum) : sum, y + i);
        }

        for (; i < columns; i++)
        {
            var sum = 0f;
            for (var j = 0; j < rows.Length; j++)
            {
                sum = LaneMath.MultiplyAdd(weight[((long)j * stride) + i], ((float*)rows[j])[i], sum);
            }

            sum = bias is null ? sum : sum + bias[i];
            y[i] = silu ? TL.First(Silu(TL.Broadcast(sum))) : sum;
        }
    }

    /// <summary>
    /// One token of the delta rule: S ← S · <paramref name="decay"/>, then S ← S + k ⊗ (v − kᵀS) · <paramref name="beta"/>, then o = qᵀS.
    /// </summary>
    /// <param name="s">[key size, value size].</param>
    /// <param name="q">Normed and scaled.</param>
    /// <param name="k">Normed.</param>
    /// <param name="v">The value.</param>
    /// <param name="o">What is read.</param>
    /// <param name="keySize">Elements of q and k.</param>
    /// <param name="valueSize">Elements of v and o; a multiple of 16.</param>
    /// <param name="decay">What is left of the state.</param>
    /// <param name="beta">How much of what is new is written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Step(float* s, float* q, float* k, float* v, float* o, int keySize, int valueSize, float decay, float beta)
    {
        var (left, part) = (TL.Broadcast(decay), TL.Broadcast(beta));
        for (var column = 0; column < valueSize; column += TL.Count)
        {
            var recalled = TL.Broadcast(0);
            var at = s + column;
            for (var i = 0; i < keySize; i++, at += valueSize)
            {
                var value = TL.Multiply(TL.Load(at), left);
                TL.Store(value, at);
                recalled = TL.MultiplyAdd(TL.Broadcast(k[i]), value, recalled);
            }

            var change = TL.Multiply(TL.Subtract(TL.Load(v + column), recalled), part);
            var read = TL.Broadcast(0);
            at = s + column;
            for (var i = 0; i < keySize; i++, at += valueSize)
            {
                var value = TL.MultiplyAdd(TL.Broadcast(k[i]), change, TL.Load(at));
                TL.Store(value, at);
                read = TL.MultiplyAdd(TL.Broadcast(q[i]), value, read);
            }

            TL.Store(read, o + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Silu(TV x) => TL.Divide(x, TL.Add(TL.Broadcast(1), LaneMath<TL, TV>.Exp(TL.Subtract(TL.Broadcast(0), x))));
}
