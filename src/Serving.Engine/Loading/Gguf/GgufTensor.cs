using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A tensor of a GGUF file: its bytes lie inside the file, if its type can be read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Dimensions">Its dimensions, the one whose elements lie side by side first: columns, rows, experts.</param>
/// <param name="Offset">Its first byte in the file.</param>
internal sealed record GgufTensor(string Name, GgufType Type, IReadOnlyList<long> Dimensions, long Offset)
{
    /// <summary>Bytes of a row.</summary>
    public long RowBytes => Dimensions[0] / Type.BlockColumns * Type.BlockBytes;

    /// <summary>Rows, those of all experts.</summary>
    public long Rows => Dimensions.Skip(1).Aggregate(1L, (product, dimension) => product * dimension);

    /// <summary>All its bytes.</summary>
    public long Bytes => RowBytes * Rows;

    /// <summary>Refuses a tensor of another shape, or of a type that cannot be read.</summary>
    /// <exception cref="MalformedFileException">Names the tensor, what it has and what it should have.</exception>
    public void Expect(params ReadOnlySpan<long> dimensions)
    {
        if (!Type.IsReadable)
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(Name)} is {Type.Name}, which is not supported ({GgufType.Readable} are)");
        }

        if (!dimensions.SequenceEqual(Dimensions.ToArray()))
        {
            throw new MalformedFileException(
                $"tensor {MalformedFileException.Quote(Name)} has the dimensions [{string.Join(", ", Dimensions)}], expected [{string.Join(", ", dimensions.ToArray())}]");
        }
    }
}
