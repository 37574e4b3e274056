namespace Serving.Compute.Programs;

/// <summary>
/// Cosines and sines of every position, made in double by managed code and rounded once to fp32, so that every backend rotates by the same bits.
/// </summary>
/// <param name="PositionCount">Number of positions (the model's maximum length).</param>
/// <param name="PairCount">Rotated pairs per head: headSize / 2.</param>
/// <param name="Cosines">[table, position, pair].</param>
/// <param name="Sines">[table, position, pair].</param>
/// <param name="TableCount">Tables one behind the other, which layers choose between (Gemma 3: for layers that see everything, and for those with a window).</param>
public sealed record RopeTable(int PositionCount, int PairCount, float[] Cosines, float[] Sines, int TableCount = 1)
{
    /// <summary>Index of a table's first position, as if positions went on from table to table.</summary>
    public int FirstOf(int table) => table * PositionCount;

    /// <summary>Several tables of the same positions and pairs as one.</summary>
    public static RopeTable Join(params ReadOnlySpan<RopeTable> tables)
    {
        var (positions, pairs) = (tables[0].PositionCount, tables[0].PairCount);
        var size = positions * pairs;
        var cosines = new float[checked(tables.Length * size)];
        var sines = new float[cosines.Length];
        for (var i = 0; i < tables.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual((tables[i].PositionCount, tables[i].PairCount), (positions, pairs), nameof(tables));
            tables[i].Cosines.CopyTo(cosines, i * size);
            tables[i].Sines.CopyTo(sines, i * size);
        }

        return new RopeTable(positions, pairs, cosines, sines, tables.Length);
    }

    /// <summary>Builds the table from the angle per position step of each pair (after any scaling of the frequencies).</summary>
    /// <param name="positionCount">Positions to cover.</param>
    /// <param name="frequencies">Radians per position, one per pair.</param>
    /// <param name="amplitude">Multiplies cosines and sines before they are rounded (YaRN's and LongRoPE's attention factor); 1 for all other models. A pair whose angle is always zero is left alone.</param>
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
                var scale = frequencies[pair] == 0 ? 1 : amplitude;
                cosines[index] = (float)(cosine * scale);
                sines[index] = (float)(sine * scale);
            }
        }

        return new RopeTable(positionCount, frequencies.Length, cosines, sines);
    }
}
