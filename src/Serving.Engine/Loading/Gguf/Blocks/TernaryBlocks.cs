using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// TQ1_0 and TQ2_0: 256 columns that are −1, 0 or 1, with one scale behind them. In TQ2_0 two bits hold a column, laid out as in Q2_K. In TQ1_0 a byte holds five columns, as the first eight bits behind the point of a
/// fraction in base three, rounded up: multiplied by 3 it has a digit before the point. Of 32 bytes the first digits are 32 columns, the second the next 32; 16 bytes follow, and 4 bytes of four columns.
/// </summary>
/// <param name="isPacked">Whether a byte holds five columns: TQ1_0.</param>
internal sealed class TernaryBlocks(bool isPacked) : BlockFormat(256, isPacked ? 54 : 66, 32)
{
    private static readonly (int Bytes, int Digits)[] Runs = [(32, 5), (16, 5), (4, 4)];

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Int4;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        scales.Fill(Half(block, Bytes - 2));
        if (isPacked)
        {
            Unpack(block, codes);
            return;
        }

        for (var i = 0; i < Columns; i++)
        {
            codes[i] = ((block[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3) - 1;
        }
    }

    private static void Unpack(ReadOnlySpan<byte> block, Span<float> codes)
    {
        foreach (var (bytes, digits) in Runs)
        {
            for (var i = 0; i < bytes; i++)
            {
                var fraction = (int)block[i];
                for (var digit = 0; digit < digits; digit++, fraction = (fraction * 3) & 255)
                {
                    codes[(digit * bytes) + i] = ((fraction * 3) >> 8) - 1;
                }
            }

            block = block[bytes..];
            codes = codes[(bytes * digits)..];
        }
    }
}
