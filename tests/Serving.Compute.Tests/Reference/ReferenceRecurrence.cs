namespace Serving.Compute.Tests.Reference;

/// <summary>What layers that remember do to a whole sequence, in double precision, by plain loops.</summary>
public static class ReferenceRecurrence
{
    /// <summary>Of every column the sum of its last rows, each times a tap, the oldest tap first; nothing is before the first row.</summary>
    public static double[][] Convolve(double[][] rows, double[][] taps, double[]? bias, bool silu)
    {
        var result = new double[rows.Length][];
        for (var t = 0; t < rows.Length; t++)
        {
            result[t] = bias?.ToArray() ?? new double[taps[0].Length];
            for (var c = 0; c < taps[0].Length; c++)
            {
                for (var back = 0; back < taps.Length && back <= t; back++)
                {
                    result[t][c] += taps[^(back + 1)][c] * rows[t - back][c];
                }

                result[t][c] = silu ? result[t][c] / (1 + Math.Exp(-result[t][c])) : result[t][c];
            }
        }

        return result;
    }

    /// <summary>One head of the gated delta rule: S ← decay · S, S ← S + k ⊗ (v − kᵀS) · beta, o = qᵀS, with q and k normed here.</summary>
    public static double[][] DeltaRule(double[][] queries, double[][] keys, double[][] values, double[] decays, double[] betas)
    {
        var (keySize, valueSize) = (keys[0].Length, values[0].Length);
        var state = new double[keySize, valueSize];
        var outputs = new double[values.Length][];
        for (var t = 0; t < values.Length; t++)
        {
            var (q, k) = (Unit(queries[t]), Unit(keys[t]));
            outputs[t] = new double[valueSize];
            for (var c = 0; c < valueSize; c++)
            {
                var recalled = 0.0;
                for (var i = 0; i < keySize; i++)
                {
                    state[i, c] *= decays[t];
                    recalled += k[i] * state[i, c];
                }

                for (var i = 0; i < keySize; i++)
                {
                    state[i, c] += k[i] * (values[t][c] - recalled) * betas[t];
                    outputs[t][c] += q[i] / Math.Sqrt(keySize) * state[i, c];
                }
            }
        }

        return outputs;
    }

    private static double[] Unit(double[] x)
    {
        var length = Math.Sqrt(x.Sum(value => value * value) + 1e-6);
        return Array.ConvertAll(x, value => value / length);
    }
}
