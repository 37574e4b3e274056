using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>One tensor of a safetensors file, checked: its bytes lie inside the file's data and are exactly shape × element size.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions, row-major; empty for a scalar.</param>
/// <param name="Begin">First byte within the file's data section.</param>
/// <param name="End">One past the last byte.</param>
public sealed record TensorEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Elements of the tensor.</summary>
    public long Length => (End - Begin) / TensorTypes.SizeOf(Type);

    /// <summary>Refuses a tensor that cannot be loaded as bf16 values of this shape.</summary>
    /// <exception cref="MalformedFileException">Names the tensor, what it has and what it should have.</exception>
    public void Expect(params ReadOnlySpan<long> shape)
    {
        if (!TensorTypes.IsLoadable(Type))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(Name)} is {Type}; BF16, F16 and F32 can be loaded");
        }

        ExpectShape(shape);
    }

    /// <summary>Refuses a tensor of another shape.</summary>
    /// <exception cref="MalformedFileException">Names the tensor, what it has and what it should have.</exception>
    public void ExpectShape(params ReadOnlySpan<long> shape)
    {
        if (!shape.SequenceEqual(Shape.ToArray()))
        {
            throw new MalformedFileException(
                $"tensor {MalformedFileException.Quote(Name)} has shape [{string.Join(", ", Shape)}], expected [{string.Join(", ", shape.ToArray())}]");
        }
    }
}
