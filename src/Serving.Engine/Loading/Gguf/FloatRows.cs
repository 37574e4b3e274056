using System.Runtime.InteropServices;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A tensor of floats, or the rows of one expert in it.</summary>
/// <param name="content">The file.</param>
/// <param name="tensor">The tensor.</param>
/// <param name="columns">Elements of a row; 1 for a vector.</param>
/// <param name="start">The tensor's row that is the first here.</param>
/// <param name="addend">Added in fp32 to what the file holds.</param>
internal sealed class FloatRows(IGgufContent content, GgufTensor tensor, int columns, long start = 0, float addend = 0) : RowSource
{
    private readonly TensorType _type = tensor.Type.Float ?? throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} is {tensor.Type.Name}; F32, F16 and BF16 can be read there");

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var size = TensorTypes.SizeOf(_type);
        var bytes = scratch.Bytes(checked(values.Length * size)).Span;
        content.Read(tensor.Offset + ((start + firstRow) * columns * size), bytes);
        if (!(addend == 0 ? TensorConversion.TryToBFloat16(_type, bytes, values) : TryAdd(bytes, values, scratch)))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
        }
    }

    /// <inheritdoc/>
    public override void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch)
    {
        var size = TensorTypes.SizeOf(_type);
        var bytes = scratch.Bytes(checked(values.Length * size)).Span;
        content.Read(tensor.Offset + ((start + firstRow) * columns * size), bytes);
        if (!TensorConversion.TryToSingle(_type, bytes, values))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
        }
    }

    private bool TryAdd(ReadOnlySpan<byte> bytes, Span<ushort> values, LoadScratch scratch)
    {
        var singles = scratch.Singles(values.Length).Span;
        if (_type == TensorType.F32)
        {
            MemoryMarshal.Cast<byte, float>(bytes).CopyTo(singles);
        }
        else
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} is {tensor.Type.Name}; F32 can be read there");
        }

        foreach (ref var single in singles)
        {
            single += addend;
        }

        return TensorConversion.TryToBFloat16(TensorType.F32, MemoryMarshal.AsBytes(singles), values);
    }
}
