using System.Buffers.Binary;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>A tensor and the open file that holds it.</summary>
internal readonly record struct StoredTensor(SafetensorsReader Reader, TensorEntry Entry)
{
    /// <summary>Its name.</summary>
    public string Name => Entry.Name;

    /// <summary>Its element type.</summary>
    public TensorType Type => Entry.Type;

    /// <summary>The tensor, if its elements are of one of these types.</summary>
    /// <exception cref="MalformedFileException">They are not; the message names the tensor.</exception>
    public StoredTensor Of(params ReadOnlySpan<TensorType> types)
    {
        return types.Contains(Type)
            ? this
            : throw new MalformedFileException($"tensor {MalformedFileException.Quote(Name)} is {Type}, expected {string.Join(" or ", types.ToArray())}");
    }

    /// <summary>The tensor, if this is its shape.</summary>
    /// <exception cref="MalformedFileException">It is not; the message names the tensor.</exception>
    public StoredTensor Shaped(params ReadOnlySpan<long> shape)
    {
        Entry.ExpectShape(shape);
        return this;
    }

    /// <summary>Reads bytes of the tensor as they are.</summary>
    public void Read(long firstByte, Span<byte> destination) => Reader.ReadBytes(Entry, firstByte, destination);

    /// <summary>Reads bf16, f16 or f32 elements, exactly.</summary>
    public float[] ReadSingles(long first, int count)
    {
        var bytes = ReadElements(first, count);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = Type switch
            {
                TensorType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i)),
                TensorType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes.AsSpan(2 * i)),
                TensorType.BF16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(2 * i)) << 16),
                _ => throw new MalformedFileException($"tensor {MalformedFileException.Quote(Name)} is {Type}; BF16, F16 and F32 can be read"),
            };
        }

        return values;
    }

    /// <summary>Reads 32-bit integers.</summary>
    public int[] ReadIntegers(long first, int count)
    {
        var bytes = ReadElements(first, count);
        var values = new int[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4 * i));
        }

        return values;
    }

    /// <summary>Reads the tensor's first bytes as 32-bit integers, whatever its element type.</summary>
    public int[] ReadRawIntegers(int count)
    {
        var bytes = new byte[count * sizeof(int)];
        Read(0, bytes);
        return [.. Enumerable.Range(0, count).Select(i => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(i * sizeof(int))))];
    }

    private byte[] ReadElements(long first, int count)
    {
        var size = TensorTypes.SizeOf(Type);
        var bytes = new byte[checked(count * size)];
        Read(checked(first * size), bytes);
        return bytes;
    }
}
