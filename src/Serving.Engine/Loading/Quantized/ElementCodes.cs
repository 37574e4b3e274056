using System.Runtime.InteropServices;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Quantized;

/// <summary>What the codes of a quantized matrix stand for before they are scaled: a table of all of them, of eight bits each or of four, the lower half of a byte first.</summary>
internal sealed class ElementCodes
{
    private readonly float[] _values;
    private readonly Lazy<ushort[]> _pairs;

    private ElementCodes(int bits, WeightFormat integers, Func<int, float> valueOf)
    {
        (Bits, IntegerFormat) = (bits, integers);
        _values = [.. Enumerable.Range(0, 1 << bits).Select(valueOf)];
        _pairs = new Lazy<ushort[]>(() => [.. Enumerable.Range(0, 256).Select(pair => (ushort)((byte)(sbyte)_values[pair & 15] | ((byte)(sbyte)_values[pair >> 4] << 8)))]);
    }

    /// <summary>
    /// FP8 E4M3 as "FP8 Formats for Deep Learning" (arXiv 2209.05433) has it, with 0x7F and 0xFF for NaN and no infinity: sign, four bits of exponent with bias 7, three of mantissa.
    /// </summary>
    public static ElementCodes Float8E4M3 { get; } = new(8, WeightFormat.BFloat16, OfFloat8);

    /// <summary>Two's complement.</summary>
    public static ElementCodes Signed8 { get; } = new(8, WeightFormat.Int8, code => (sbyte)code);

    /// <summary>Eight bits that stand for themselves less 128.</summary>
    public static ElementCodes Offset8 { get; } = new(8, WeightFormat.Int8, code => code - 128);

    /// <summary>Four bits that stand for themselves less 8.</summary>
    public static ElementCodes Offset4 { get; } = new(4, WeightFormat.Int4, code => code - 8);

    /// <summary>
    /// Twice FP4 E2M1 as the OCP's "Microscaling Formats (MX) Specification" has it (sign, two bits of exponent with bias 1, one of mantissa): whole numbers that way.
    /// </summary>
    public static ElementCodes DoubledFloat4 { get; } = new(4, WeightFormat.Mxfp4, OfDoubledFloat4);

    /// <summary>The format with the fewest bits that holds what every code stands for; BFloat16 where that is no whole number.</summary>
    public WeightFormat IntegerFormat { get; }

    /// <summary>Bits of a code.</summary>
    public int Bits { get; }

    /// <summary>What a code stands for.</summary>
    public float this[int code] => _values[code];

    /// <summary>Looks up a row of codes.</summary>
    public void Decode(ReadOnlySpan<byte> codes, Span<float> destination)
    {
        var values = _values;
        if (Bits == 8)
        {
            for (var i = 0; i < destination.Length; i++)
            {
                destination[i] = values[codes[i]];
            }

            return;
        }

        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = values[(codes[i >> 1] >> ((i & 1) * 4)) & 15];
        }
    }

    /// <summary>Looks up a row of codes that stand for integers: of four bits a byte's two at a time.</summary>
    public void Decode(ReadOnlySpan<byte> codes, Span<sbyte> destination)
    {
        if (Bits == 8)
        {
            for (var i = 0; i < destination.Length; i++)
            {
                destination[i] = (sbyte)_values[codes[i]];
            }

            return;
        }

        var pairs = _pairs.Value;
        var whole = MemoryMarshal.Cast<sbyte, ushort>(destination);
        for (var i = 0; i < whole.Length; i++)
        {
            whole[i] = pairs[codes[i]];
        }

        if (destination.Length % 2 != 0)
        {
            destination[^1] = (sbyte)_values[codes[destination.Length / 2] & 15];
        }
    }

    private static float OfDoubledFloat4(int code)
    {
        var (sign, exponent, mantissa) = (code >> 3 == 0 ? 1f : -1f, (code >> 1) & 3, code & 1);
        return sign * (exponent == 0 ? mantissa : MathF.ScaleB(2 + mantissa, exponent - 1));
    }

    private static float OfFloat8(int code)
    {
        var (sign, exponent, mantissa) = (code >> 7 == 0 ? 1f : -1f, (code >> 3) & 15, code & 7);
        return exponent == 15 && mantissa == 7 ? float.NaN
            : sign * (exponent == 0 ? MathF.ScaleB(mantissa, -9) : MathF.ScaleB(8 + mantissa, exponent - 10));
    }
}
