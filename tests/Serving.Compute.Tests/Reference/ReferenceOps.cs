using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Reference;

/// <summary>The operations of a model in double precision, by plain loops.</summary>
public static class ReferenceOps
{
    /// <summary>x · weightᵀ for a row-major bf16 weight.</summary>
    public static double[] Multiply(double[] x, ReadOnlySpan<ushort> weight, int rows)
    {
        var y = new double[rows];
        for (var n = 0; n < rows; n++)
        {
            var sum = 0.0;
            var row = weight.Slice(n * x.Length, x.Length);
            for (var k = 0; k < row.Length; k++)
            {
                sum += x[k] * BFloat16Bits.ToSingle(row[k]);
            }

            y[n] = sum;
        }

        return y;
    }

    /// <summary>x ÷ √(mean(x²) + epsilon) · weight.</summary>
    public static double[] RmsNorm(double[] x, double[] weight, double epsilon)
    {
        var factor = 1 / Math.Sqrt(x.Average(value => value * value) + epsilon);
        return [.. x.Zip(weight, (a, b) => a * factor * b)];
    }

    /// <summary>(x − mean) ÷ √(variance + epsilon) · weight + bias.</summary>
    public static double[] LayerNorm(double[] x, double[] weight, double[]? bias, double epsilon)
    {
        var mean = x.Average();
        var scale = 1 / Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + epsilon);
        return [.. x.Select((value, i) => ((value - mean) * scale * weight[i]) + (bias?[i] ?? 0))];
    }

    /// <summary>½x(1 + tanh(√(2 ÷ π)(x + 0.044715x³))).</summary>
    public static double[] Gelu(double[] x) => GeluMul([.. x, .. Enumerable.Repeat(1.0, x.Length)]);

    /// <summary>p·x² + b·x above 0, (b + n)·(e^min(x, m) − 1 − x) + b·x elsewhere.</summary>
    public static double[] XIelu(double[] x, double[] numbers) =>
        Array.ConvertAll(x, value => (value > 0 ? numbers[0] * value * value : (numbers[2] + numbers[1]) * (Math.Exp(Math.Min(value, numbers[3])) - 1 - value)) + (numbers[2] * value));

    /// <summary>max(x, 0)².</summary>
    public static double[] SquaredRelu(double[] x) => Array.ConvertAll(x, value => value > 0 ? value * value : 0);

    /// <summary>Half-split rotation by the position's angles.</summary>
    public static double[] Rotate(double[] head, RopeTable rope, int position)
    {
        var result = new double[head.Length];
        for (var i = 0; i < rope.PairCount; i++)
        {
            double c = rope.Cosines[(position * rope.PairCount) + i];
            double s = rope.Sines[(position * rope.PairCount) + i];
            var (a, b) = (head[i], head[i + rope.PairCount]);
            result[i] = (a * c) - (b * s);
            result[i + rope.PairCount] = (b * c) + (a * s);
        }

        return result;
    }

    /// <summary>
    /// Softmax attention of one query; with <paramref name="round"/> the weights of the values are rounded to bf16 and their sum is not. A sink is a score without a value.
    /// </summary>
    public static double[] Attend(double[] query, ReadOnlySpan<double[]> keys, ReadOnlySpan<double[]> values, double scale, double cap, bool round, double? sink = null)
    {
        var scores = new double[keys.Length];
        for (var j = 0; j < keys.Length; j++)
        {
            scores[j] = Dot(keys[j], query) * scale;
        }

        scores = Cap(scores, cap);
        var largest = scores.Max();
        var weights = scores.Select(score => Math.Exp(score - largest)).ToArray();
        var total = weights.Sum() + (sink is { } logit ? Math.Exp(logit - largest) : 0);
        var result = new double[values[0].Length];
        for (var j = 0; j < values.Length; j++)
        {
            var weight = round ? BFloat16Bits.Round((float)weights[j]) : weights[j];
            var value = values[j];
            for (var d = 0; d < result.Length; d++)
            {
                result[d] += weight * value[d] / total;
            }
        }

        return result;
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>cap · tanh(value ÷ cap); the values themselves where there is no cap.</summary>
    public static double[] Cap(double[] values, double cap) => cap == 0 ? values : Array.ConvertAll(values, value => cap * Math.Tanh(value / cap));

    /// <summary>gelu(gate) · up of [gate | up], GELU in its form with tanh.</summary>
    public static double[] GeluMul(double[] gateUp)
    {
        var width = gateUp.Length / 2;
        return [.. gateUp.Take(width).Select((x, i) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))) * gateUp[width + i])];
    }

    /// <summary>(up + 1) · gate · σ(1.702 · gate) of [gate | up], gate being at most and up at most and at least so much.</summary>
    public static double[] SwigluMul(double[] gateUp, double limit)
    {
        var width = gateUp.Length / 2;
        return [.. gateUp.Take(width).Select(x => Math.Min(x, limit)).Select((x, i) => x / (1 + Math.Exp(-1.702 * x)) * (Math.Clamp(gateUp[width + i], -limit, limit) + 1))];
    }

    /// <summary>silu(gate) · up of [gate | up].</summary>
    public static double[] SiluMul(double[] gateUp)
    {
        var width = gateUp.Length / 2;
        return [.. Enumerable.Range(0, width).Select(i => gateUp[i] / (1 + Math.Exp(-gateUp[i])) * gateUp[width + i])];
    }
}
