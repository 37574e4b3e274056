using System.Runtime.CompilerServices;
using Serving.Compute.Managed.Lanes;

namespace Serving.Compute.Managed.Kernels;

/// <summary>Passes over one row of logits.</summary>
internal static unsafe class LogitKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <summary>The index of the largest value, the lowest among equals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int ArgMax(float* values, int count)
    {
        var largest = Largest(values, count);
        for (var i = 0; i < count; i++)
        {
            if (values[i] == largest)
            {
                return i;
            }
        }

        return 0;
    }

    /// <summary>The logarithm of the sum of exponentials.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LogSumExp(float* values, int count)
    {
        const int Block = 1024;
        var largest = Largest(values, count);
        var maxima = TL.Broadcast(largest);
        var total = 0.0;
        for (var block = 0; block < count; block += Block)
        {
            var end = Math.Min(count, block + Block);
            var sums = TL.Broadcast(0);
            var i = block;
            for (; i <= end - TL.Count; i += TL.Count)
            {
                sums = TL.Add(sums, LaneMath<TL, TV>.Exp(TL.Subtract(TL.Load(values + i), maxima)));
            }

            total += TL.Sum(sums);
            for (; i < end; i++)
            {
                total += LaneMath<TL, TV>.Exp(values[i] - largest);
            }
        }

        return (float)(largest + Math.Log(total));
    }

    /// <summary>value = exp((value − largest) ÷ temperature).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exponentiate(float* values, int count, float largest, float temperature)
    {
        var maxima = TL.Broadcast(largest);
        var temperatures = TL.Broadcast(temperature);
        var i = 0;
        for (; i <= count - TL.Count; i += TL.Count)
        {
            TL.Store(LaneMath<TL, TV>.Exp(TL.Divide(TL.Subtract(TL.Load(values + i), maxima), temperatures)), values + i);
        }

        for (; i < count; i++)
        {
            values[i] = LaneMath<TL, TV>.Exp((values[i] - largest) / temperature);
        }
    }

    /// <summary>Zeroes the values below a floor.</summary>
    public static void ZeroBelow(float* values, int count, float floor)
    {
        for (var i = 0; i < count; i++)
        {
            if (values[i] < floor)
            {
                values[i] = 0;
            }
        }
    }

    private static float Largest(float* values, int count)
    {
        var lanes = TL.Broadcast(float.NegativeInfinity);
        var i = 0;
        for (; i <= count - TL.Count; i += TL.Count)
        {
            lanes = TL.Max(lanes, TL.Load(values + i));
        }

        var largest = TL.Largest(lanes);
        for (; i < count; i++)
        {
            largest = MathF.Max(largest, values[i]);
        }

        return largest;
    }
}
