using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Random operands, matrices with padded rows, and comparisons with what double precision gives.</summary>
internal static class Values
{
    /// <summary>Elements from row to row: whole groups of 8, as params.h asks for.</summary>
    public static int Stride(int columns) => (columns + 7) / 8 * 8;

    /// <summary>A padded matrix; what lies behind a row's columns is not a number, so that a kernel that uses it is seen.</summary>
    public static float[] Matrix(int rows, int columns, Func<int, int, float> value)
    {
        var stride = Stride(columns);
        var matrix = new float[rows * stride];
        matrix.AsSpan().Fill(float.NaN);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                matrix[(row * stride) + column] = value(row, column);
            }
        }

        return matrix;
    }

    /// <summary>A padded matrix of uniform values in ±<paramref name="size"/>.</summary>
    public static float[] Random(int rows, int columns, float size, int seed)
    {
        var random = new Random(seed);
        return Matrix(rows, columns, (_, _) => (float)(random.NextDouble() - 0.5) * 2 * size);
    }

    /// <summary>Rounded to bf16.</summary>
    public static ushort[] ToBFloat16(this IEnumerable<float> values) => [.. values.Select(BFloat16Bits.FromSingle)];

    /// <summary>Widened.</summary>
    public static float[] ToSingles(this IEnumerable<ushort> values) => [.. values.Select(BFloat16Bits.ToSingle)];

    /// <summary>A row of a padded matrix, in double.</summary>
    public static double[] Row(this float[] matrix, int row, int columns) => [.. matrix.Skip(row * Stride(columns)).Take(columns).Select(value => (double)value)];

    /// <summary>Equal up to one rounding to bf16 and what fp32 sums of such values may be off.</summary>
    public static void AssertRounded(double expected, ushort actual, string what, double absolute = 1e-5)
    {
        var value = BFloat16Bits.ToSingle(actual);
        Assert.True(Math.Abs(expected - value) <= (Math.Abs(expected) * 0.00393) + absolute, $"{what}: expected {expected}, got {value}");
    }

    /// <summary>Equal within a tolerance.</summary>
    public static void AssertClose(double expected, double actual, double tolerance, string what) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance, $"{what}: expected {expected}, got {actual}, tolerance {tolerance}");
}
