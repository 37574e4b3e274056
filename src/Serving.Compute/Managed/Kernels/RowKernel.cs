using System.Runtime.CompilerServices;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Kernels;

/// <summary>Operations on one row at a time. Whole vectors first, then single elements: which path an element takes depends on its index only.</summary>
internal static unsafe class RowKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <summary>y = x · rsqrt(mean(x²) + epsilon) · weight, rounded to bf16 where <paramref name="round"/>; without a weight that is left out. x and y may be the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(float* x, float* weight, float* y, int columns, float epsilon, bool round)
    {
        var factor = NormFactor(x, columns, epsilon);
        var factors = TL.Broadcast(factor);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Multiply(TL.Load(x + i), factors);
            value = weight is null ? value : TL.Multiply(value, TL.Load(weight + i));
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var value = x[i] * factor;
            value = weight is null ? value : value * weight[i];
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>y += x · rsqrt(mean(x²) + epsilon) · weight, unrounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRmsNorm(float* x, float* weight, float* y, int columns, float epsilon)
    {
        var factor = NormFactor(x, columns, epsilon);
        var factors = TL.Broadcast(factor);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Multiply(TL.Multiply(TL.Load(x + i), factors), TL.Load(weight + i));
            TL.Store(TL.Add(TL.Load(y + i), value), y + i);
        }

        for (; i < columns; i++)
        {
            y[i] += x[i] * factor * weight[i];
        }
    }

    /// <summary>y = (x − mean) · rsqrt(variance + epsilon) · weight + bias, rounded to bf16 where <paramref name="round"/>; without a bias that is left out. x and y may be the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LayerNorm(float* x, float* weight, float* bias, float* y, int columns, float epsilon, bool round)
    {
        var mean = Sum(x, columns) / columns;
        var factor = 1f / MathF.Sqrt((SumOfSquares(x, columns, mean) / columns) + epsilon);
        var (means, factors) = (TL.Broadcast(mean), TL.Broadcast(factor));
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Multiply(TL.Multiply(TL.Subtract(TL.Load(x + i), means), factors), TL.Load(weight + i));
            value = bias is null ? value : TL.Add(value, TL.Load(bias + i));
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var value = (x[i] - mean) * factor * weight[i];
            value = bias is null ? value : value + bias[i];
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>x *= by, element by element.</summary>
    public static void Multiply(float* x, float* by, int columns)
    {
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            TL.Store(TL.Multiply(TL.Load(x + i), TL.Load(by + i)), x + i);
        }

        for (; i < columns; i++)
        {
            x[i] *= by[i];
        }
    }

    /// <summary>y = activation(x), rounded to bf16 where <paramref name="round"/>; xIELU's four numbers are <paramref name="numbers"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate(float* x, float* y, int columns, MlpActivation activation, float* numbers, bool round)
    {
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = Activated(TL.Load(x + i), activation, numbers);
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var value = TL.First(Activated(TL.Broadcast(x[i]), activation, numbers));
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>1 ÷ (1 + e⁻ˣ).</summary>
    public static float Logistic(float x) => TL.First(Gate(TL.Broadcast(1), TL.Broadcast(x)));

    /// <summary>
    /// y = activation(gate) · up · <paramref name="factor"/>, rounded to bf16 where <paramref name="round"/>; gate and up lie side by side, within <paramref name="limit"/> where the activation
    /// has one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GateMul(float* gateUp, float* y, int columns, GateActivation activation, float limit, float factor, bool round)
    {
        var up = gateUp + columns;
        var factors = TL.Broadcast(factor);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Multiply(GateTimes(TL.Load(gateUp + i), TL.Load(up + i), activation, limit), factors);
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var value = TL.First(GateTimes(TL.Broadcast(gateUp[i]), TL.Broadcast(up[i]), activation, limit)) * factor;
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>y = x · σ(gate), rounded to bf16 where <paramref name="round"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SigmoidMul(float* x, float* gate, float* y, int columns, bool round)
    {
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = Gate(TL.Load(x + i), TL.Load(gate + i));
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var value = TL.First(Gate(TL.Broadcast(x[i]), TL.Broadcast(gate[i])));
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>y = x · rsqrt(mean(x²) + epsilon) · weight · gate · σ(gate), rounded to bf16 where <paramref name="round"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GatedNorm(float* x, float* weight, float* gate, float* y, int columns, float epsilon, bool round)
    {
        var factor = NormFactor(x, columns, epsilon);
        var factors = TL.Broadcast(factor);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var z = TL.Load(gate + i);
            var value = TL.Multiply(TL.Multiply(TL.Multiply(TL.Load(x + i), factors), TL.Load(weight + i)), Gate(z, z));
            TL.Store(round ? TL.Round(value) : value, y + i);
        }

        for (; i < columns; i++)
        {
            var z = TL.Broadcast(gate[i]);
            var value = x[i] * factor * weight[i] * TL.First(Gate(z, z));
            y[i] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    /// <summary>y = x ÷ √(Σx² + 1e-6) · <paramref name="scale"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalize(float* x, float* y, int columns, float scale)
    {
        var factor = 1f / MathF.Sqrt(SumOfSquares(x, columns) + 1e-6f);
        for (var i = 0; i < columns; i++)
        {
            y[i] = x[i] * factor * scale;
        }
    }

    /// <summary>Rotates one head in place: element i with element i + half, by the row's cosines and sines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(float* head, float* cosines, float* sines, int half)
    {
        var i = 0;
        for (; i <= half - TL.Count; i += TL.Count)
        {
            var (a, b) = (TL.Load(head + i), TL.Load(head + half + i));
            var (c, s) = (TL.Load(cosines + i), TL.Load(sines + i));
            TL.Store(TL.Subtract(TL.Multiply(a, c), TL.Multiply(b, s)), head + i);
            TL.Store(TL.Add(TL.Multiply(b, c), TL.Multiply(a, s)), head + half + i);
        }

        for (; i < half; i++)
        {
            var (a, b) = (head[i], head[half + i]);
            head[i] = (a * cosines[i]) - (b * sines[i]);
            head[half + i] = (b * cosines[i]) + (a * sines[i]);
        }
    }

    /// <summary>Copies a row, rounding to bf16 where <paramref name="round"/>.</summary>
    public static void Copy(float* x, float* y, int columns, bool round)
    {
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            TL.Store(round ? TL.Round(TL.Load(x + i)) : TL.Load(x + i), y + i);
        }

        for (; i < columns; i++)
        {
            y[i] = round ? BFloat16Bits.Round(x[i]) : x[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOfSquares(float* x, int columns)
    {
        var sums = TL.Broadcast(0);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Load(x + i);
            sums = TL.MultiplyAdd(value, value, sums);
        }

        var sum = TL.Sum(sums);
        for (; i < columns; i++)
        {
            sum = LaneMath.MultiplyAdd(x[i], x[i], sum);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(float* x, int columns)
    {
        var sums = TL.Broadcast(0);
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            sums = TL.Add(TL.Load(x + i), sums);
        }

        var sum = TL.Sum(sums);
        for (; i < columns; i++)
        {
            sum += x[i];
        }

        return sum;
    }

    /// <summary>Of the differences from a mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOfSquares(float* x, int columns, float mean)
    {
        var (sums, means) = (TL.Broadcast(0), TL.Broadcast(mean));
        var i = 0;
        for (; i <= columns - TL.Count; i += TL.Count)
        {
            var value = TL.Subtract(TL.Load(x + i), means);
            sums = TL.MultiplyAdd(value, value, sums);
        }

        var sum = TL.Sum(sums);
        for (; i < columns; i++)
        {
            sum = LaneMath.MultiplyAdd(x[i] - mean, x[i] - mean, sum);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float NormFactor(float* x, int columns, float epsilon) => 1f / MathF.Sqrt((SumOfSquares(x, columns) / columns) + epsilon);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV GateTimes(TV gate, TV up, GateActivation activation, float limit)
    {
        if (activation != GateActivation.SwigluOai)
        {
            return TL.Multiply(Activated(gate, activation), up);
        }

        var (most, least) = (TL.Broadcast(limit), TL.Broadcast(-limit));
        var bounded = TL.Min(gate, most);
        return TL.Multiply(Gate(bounded, TL.Multiply(bounded, TL.Broadcast(1.702f))), TL.Add(TL.Min(TL.Max(up, least), most), TL.Broadcast(1)));
    }

    /// <summary>SiLU is x · σ(x). GELU by tanh, ½x(1 + tanh(u)) with u = √(2 ÷ π)(x + 0.044715x³), is x · σ(2u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Activated(TV x, GateActivation activation)
    {
        if (activation == GateActivation.Silu)
        {
            return Gate(x, x);
        }

        return Gelu(x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Activated(TV x, MlpActivation activation, float* numbers)
    {
        if (activation == MlpActivation.GeluTanh)
        {
            return Gelu(x);
        }

        var positive = TL.Max(x, TL.Broadcast(0));
        var squared = TL.Multiply(positive, positive);
        return activation == MlpActivation.SquaredRelu ? squared : XIelu(x, squared, numbers);
    }

    /// <summary>p · max(x, 0)² + b · x, and where x is not above 0 (b + n) · (e^min(x, m) − 1 − x) besides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV XIelu(TV x, TV squared, float* numbers)
    {
        var below = TL.Subtract(LaneMath<TL, TV>.ExpLessOne(TL.Min(x, TL.Broadcast(numbers[3]))), x);
        below = TL.ZeroBelow(TL.Multiply(below, TL.Broadcast(numbers[2] + numbers[1])), TL.Subtract(TL.Broadcast(0), x), TL.Broadcast(0));
        return TL.Add(TL.Add(TL.Multiply(squared, TL.Broadcast(numbers[0])), below), TL.Multiply(x, TL.Broadcast(numbers[2])));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Gelu(TV x)
    {
        var cubic = TL.Multiply(TL.Multiply(TL.Multiply(x, x), TL.Broadcast(0.044715f)), x);
        return Gate(x, TL.Multiply(TL.Add(x, cubic), TL.Broadcast(1.5957691216f)));
    }

    /// <summary>x · σ(z) as x ÷ (1 + e⁻ᶻ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Gate(TV x, TV z) => TL.Divide(x, TL.Add(TL.Broadcast(1), LaneMath<TL, TV>.Exp(TL.Subtract(TL.Broadcast(0), z))));
}
