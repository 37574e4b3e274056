namespace Serving.Compute.Programs;

/// <summary>
/// Cosines and sines of every position, made in double by managed code and rounded once to fp32, so that every backend rotates by the same bits.
/// </summary>
/// <param name="PositionCount">Number of positions (the model's maximum length).</param>
/// <param name="PairCount">Rotated pairs per head: headSize / 2.</param>
/// <param name="Cosines">[position, pair].</param>
/// <param name="Sines">[position, pair].</param>
public sealed record RopeTable(int PositionCount, int PairCount, float[] Cosines, float[] Sines)
{
    /// <summary>Builds the table from the angle per position step of each pair (after any scaling of the frequencies).</summary>
    /// <param name="positionCount">Positions to cover.</param>
    /// <param name="frequencies">Radians per position, one per pair.</param>
    /// <param name="amplitude">Multiplies cosines and sines before they are rounded (YaRN's attention factor); 1 for all other models.</param>
    public static RopeTable Create(int positionCount, ReadOnlySpan<double> frequencies, double amplitude = 1)
    {
        var cosines = new float[checked(positionCount * frequencies.Length)];
        var sines = new float[cosines.Length];
        for (var position = 0; position < positionCount; position++)
        {
            for (var pair = 0; pair < frequencies.Length; pair++)
            {
                var (sine, cosine) = Math.SinCos(position * frequencies[pair]);
                var index = (position * frequencies.Length) + pair;
                cosines[index] = (float)(cosine * amplitude);
                sines[index] = (float)(sine * amplitude);
            }
        }

        return new RopeTable(positionCount, frequencies.Length, cosines, sines);
    }
}
