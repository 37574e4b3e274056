using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading;

/// <summary>Where the rows of a weight (the elements of a vector) are read from, whatever the checkpoint keeps them as.</summary>
internal abstract class RowSource
{
    /// <summary>Reads whole rows that lie behind each other, rounded to bf16.</summary>
    /// <param name="firstRow">The tensor's first row to read.</param>
    /// <param name="values">Filled; rows × columns.</param>
    /// <param name="scratch">Room to work in.</param>
    /// <exception cref="Models.MalformedFileException">A value is not finite, or the file was cut short.</exception>
    public abstract void Read(int firstRow, Span<ushort> values, LoadScratch scratch);

    /// <summary>Reads whole rows of floats that lie behind each other, unrounded: of vectors that a recurrence reads.</summary>
    /// <param name="firstRow">The tensor's first row to read.</param>
    /// <param name="values">Filled; rows × columns.</param>
    /// <param name="scratch">Room to work in.</param>
    /// <exception cref="Models.MalformedFileException">A value is not finite, or the file was cut short.</exception>
    public virtual void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch) => throw new NotSupportedException();

    /// <summary>Whether the file has the rows as short codes with scales, whatever the codes stand for: they were rounded before.</summary>
    public virtual bool IsQuantized => false;

    /// <summary>Whether the rows are integers with scales which a format of integers holds as they are.</summary>
    public virtual bool Holds(WeightFormat format) => false;

    /// <summary>Reads whole rows that lie behind each other as integers of a format that <see cref="Holds"/> them.</summary>
    /// <param name="format">The format.</param>
    /// <param name="firstRow">The tensor's first row to read.</param>
    /// <param name="rows">How many.</param>
    /// <param name="values">Receives the integers, each row as long as <see cref="BlockQuantizer.PaddedColumns"/> says.</param>
    /// <param name="scales">Receives the scales in bf16, and behind a row's scales its offsets where the format has them, <see cref="BlockQuantizer.ScaleCount"/> of a row.</param>
    /// <param name="scratch">Room to work in.</param>
    /// <exception cref="Models.MalformedFileException">A scale is not finite, or the file was cut short.</exception>
    public virtual void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch) => throw new NotSupportedException();
}

/// <summary>A tensor of floats.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="columns">Elements of a row; 1 for a vector.</param>
internal sealed class StoredRows(StoredTensor tensor, int columns) : RowSource
{
    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var bytes = scratch.Bytes(checked(values.Length * TensorTypes.SizeOf(tensor.Type)));
        tensor.Reader.Read(tensor.Entry, (long)firstRow * columns, bytes.Span, values);
    }

    /// <inheritdoc/>
    public override void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch)
    {
        var size = TensorTypes.SizeOf(tensor.Type);
        var bytes = scratch.Bytes(checked(values.Length * size)).Span;
        tensor.Read((long)firstRow * columns * size, bytes);
        if (!TensorConversion.TryToSingle(tensor.Type, bytes, values))
        {
            throw new Models.MalformedFileException($"tensor {Models.MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
        }
    }
}
