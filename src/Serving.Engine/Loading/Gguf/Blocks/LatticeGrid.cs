using System.Numerics;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// A list of points of four or eight small numbers, of which a block's codes name some. Read as digits of which the first counts least, points are numbers that ascend; kept is how far each is from the one
/// before, less 1, in groups of seven bits, those that count least first, with the eighth bit where more follow.
/// </summary>
internal sealed class LatticeGrid
{
    private readonly sbyte[] _points;

    /// <summary>Unpacks a list.</summary>
    /// <param name="size">Numbers of a point.</param>
    /// <param name="values">What digits stand for.</param>
    /// <param name="steps">The points, in Base64.</param>
    public LatticeGrid(int size, ReadOnlySpan<sbyte> values, string steps)
    {
        Size = size;
        var points = new List<sbyte>();
        var (point, step, shift) = (-1, 0, 0);
        foreach (var part in Convert.FromBase64String(steps))
        {
            step |= (part & 127) << shift;
            shift += 7;
            if (part > 127)
            {
                continue;
            }

            point += step + 1;
            for (var (digit, rest) = (0, point); digit < size; digit++, rest /= values.Length)
            {
                points.Add(values[rest % values.Length]);
            }

            (step, shift) = (0, 0);
        }

        _points = [.. points];
    }

    /// <summary>Numbers of a point.</summary>
    public int Size { get; }

    /// <summary>Writes a point.</summary>
    /// <param name="index">Which.</param>
    /// <param name="signs">Bit i: whether its number i is negated.</param>
    /// <param name="codes">Receives it.</param>
    public void Write(int index, int signs, Span<float> codes)
    {
        var point = Point(index);
        for (var i = 0; i < point.Length; i++)
        {
            codes[i] = ((signs >> i) & 1) == 0 ? point[i] : -point[i];
        }
    }

    /// <summary>A point.</summary>
    public ReadOnlySpan<sbyte> Point(int index) => _points.AsSpan(index * Size, Size);

    /// <summary>Eight signs of which seven are kept: an even number of them is negative.</summary>
    public static int SignsOf(uint kept) => (int)((kept & 127) | ((uint)(BitOperations.PopCount(kept & 127) % 2) << 7));
}
