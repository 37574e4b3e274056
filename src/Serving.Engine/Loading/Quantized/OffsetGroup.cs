using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Quantized;

/// <summary>A group of integers within sixteen neighbours, w = scale × integer + addend, as <see cref="WeightFormat.Int4Asymmetric"/> has it.</summary>
internal static class OffsetGroup
{
    private const int Smallest = -8;
    private const int Largest = 7;

    /// <summary>
    /// Moves the integers to where four bits hold them, and of the places that there are to the one that leaves the smallest offset: what is rounded to bf16 is small then, and where the addend is a multiple of
    /// the scale and the integers leave room it is nothing.
    /// </summary>
    /// <param name="values">The integers; moved.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="addend">What is added to scale × integer.</param>
    /// <returns>What is to be added to scale × integer now.</returns>
    public static float Center(Span<sbyte> values, float scale, float addend)
    {
        var (least, greatest) = (sbyte.MaxValue, sbyte.MinValue);
        foreach (var value in values)
        {
            (least, greatest) = (Math.Min(least, value), Math.Max(greatest, value));
        }

        var wanted = -addend / scale;
        var shift = (int)Math.Clamp(float.IsFinite(wanted) ? MathF.Round(wanted) : 0, greatest - Largest, least - Smallest);
        foreach (ref var value in values)
        {
            value = (sbyte)(value - shift);
        }

        return (scale * shift) + addend;
    }
}
