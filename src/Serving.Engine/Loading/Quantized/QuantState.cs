using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>What bitsandbytes writes as JSON beside a matrix of four bits.</summary>
/// <param name="BlockSize">Elements that share an absolute maximum.</param>
/// <param name="NestedBlockSize">Blocks whose maxima share one of their own; 0 where these are plain floats.</param>
/// <param name="NestedOffset">Added to every nested maximum.</param>
internal sealed record QuantState(int BlockSize, int NestedBlockSize, float NestedOffset)
{
    private const int MaxBytes = 1 << 16;
    private const int MaxBlock = 1 << 16;

    private static readonly string[] Types = ["bfloat16", "float16", "float32"];

    /// <summary>Reads the text, which has to be about a matrix of this kind and shape.</summary>
    /// <exception cref="MalformedFileException">It is not.</exception>
    public static QuantState Read(StoredTensor tensor, string kind, int rows, int columns)
    {
        try
        {
            return Parse(tensor, kind, rows, columns);
        }
        catch (MalformedFileException e)
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)}: {e.Message}", e);
        }
    }

    private static QuantState Parse(StoredTensor tensor, string kind, int rows, int columns)
    {
        if (tensor.Type != TensorType.U8 || tensor.Entry.Length > MaxBytes)
        {
            throw new MalformedFileException($"not a text of at most {MaxBytes} bytes");
        }

        var text = new byte[tensor.Entry.Length];
        tensor.Read(0, text);
        var fields = JsonFields.Parse(text);
        if (fields.Text("quant_type") != kind || !fields.Ints("shape", 0, int.MaxValue, 2).SequenceEqual([rows, columns]))
        {
            throw new MalformedFileException($"not about a matrix of {kind} and [{rows}, {columns}]");
        }

        if (!Types.Contains(fields.Text("dtype")) || fields.Text("nested_dtype", "float32") != "float32")
        {
            throw new MalformedFileException($"dtype is not {string.Join(" or ", Types)}, or nested_dtype not float32");
        }

        var isNested = fields.Has("nested_blocksize");
        return new QuantState(
            fields.Int("blocksize", 1, MaxBlock),
            isNested ? fields.Int("nested_blocksize", 1, MaxBlock) : 0,
            isNested ? (float)fields.Number("nested_offset", float.MinValue, float.MaxValue) : 0);
    }
}
