namespace Serving.Engine.Loading.Quantized;

/// <summary>Values on a grid, scales or zero points, of which rows are read as they are needed.</summary>
internal abstract class GridValues
{
    /// <summary>Rows of the grid, [count, grid columns].</summary>
    public abstract float[] Read(int firstRow, int count);
}

/// <summary>Values that are a tensor of floats or of codes of eight bits.</summary>
/// <param name="tensor">The tensor, checked against the grid.</param>
/// <param name="grid">The grid.</param>
/// <param name="factor">Multiplies every value.</param>
internal sealed class StoredValues(StoredTensor tensor, ScaleGrid grid, float factor = 1) : GridValues
{
    /// <inheritdoc/>
    public override float[] Read(int firstRow, int count)
    {
        var (first, length) = (firstRow * grid.Columns, count * grid.Columns);
        var values = tensor.Type switch
        {
            TensorType.I8 => Decode(ElementCodes.Signed8, first, length),
            TensorType.F8_E4M3 => Decode(ElementCodes.Float8E4M3, first, length),
            _ => tensor.ReadSingles(first, length),
        };
        for (var i = 0; factor != 1 && i < values.Length; i++)
        {
            values[i] *= factor;
        }

        return values;
    }

    private float[] Decode(ElementCodes codes, int first, int count)
    {
        var (bytes, values) = (new byte[count], new float[count]);
        tensor.Read(first, bytes);
        codes.Decode(bytes, values);
        return values;
    }
}

/// <summary>Powers of two as the OCP's "Microscaling Formats (MX) Specification" keeps them (E8M0): a byte that is the exponent with bias 127, 255 for NaN.</summary>
/// <param name="tensor">The tensor, checked against the grid.</param>
/// <param name="grid">The grid.</param>
/// <param name="shift">Added to every exponent.</param>
internal sealed class StoredPowers(StoredTensor tensor, ScaleGrid grid, int shift) : GridValues
{
    /// <inheritdoc/>
    public override float[] Read(int firstRow, int count)
    {
        var bytes = new byte[checked(count * grid.Columns)];
        tensor.Read((long)firstRow * grid.Columns, bytes);
        return Array.ConvertAll(bytes, exponent => exponent == byte.MaxValue ? float.NaN : MathF.ScaleB(1, exponent - 127 + shift));
    }
}

/// <summary>Zero points as compressed-tensors packs them: several rows of the grid in one row of 32-bit words, the first in the lowest bits.</summary>
/// <param name="tensor">[grid rows ÷ codes of a word, grid columns].</param>
/// <param name="grid">The grid.</param>
/// <param name="codes">What the codes stand for.</param>
internal sealed class PackedZeroPoints(StoredTensor tensor, ScaleGrid grid, ElementCodes codes) : GridValues
{
    /// <inheritdoc/>
    public override float[] Read(int firstRow, int count)
    {
        var perWord = 32 / codes.Bits;
        var firstWord = firstRow / perWord;
        var words = tensor.ReadIntegers((long)firstWord * grid.Columns, (((firstRow + count - 1) / perWord) - firstWord + 1) * grid.Columns);
        var values = new float[count * grid.Columns];
        for (var i = 0; i < values.Length; i++)
        {
            var row = firstRow + (i / grid.Columns);
            var word = words[(((row / perWord) - firstWord) * grid.Columns) + (i % grid.Columns)];
            values[i] = codes[(word >> (row % perWord * codes.Bits)) & ((1 << codes.Bits) - 1)];
        }

        return values;
    }
}
