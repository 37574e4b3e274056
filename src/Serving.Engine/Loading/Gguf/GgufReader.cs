using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>Reads the numbers and texts of a GGUF file's beginning one after the other. Nothing is taken room for that the rest of the file could not hold.</summary>
/// <param name="stream">The file, at its first byte.</param>
/// <param name="fileBytes">Its size.</param>
internal sealed class GgufReader(Stream stream, long fileBytes)
{
    private const int MaxTextBytes = 16 << 20;
    private const long MaxElements = 1 << 24;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly byte[] _number = new byte[sizeof(ulong)];
    private long _elements;

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    /// <summary>A 32-bit number.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Read(_number.AsSpan(0, sizeof(uint))));

    /// <summary>A 64-bit number that counts or measures something.</summary>
    public long ReadLength() => BinaryPrimitives.ReadUInt64LittleEndian(Read(_number.AsSpan(0, sizeof(ulong)))) is var value && value <= long.MaxValue
        ? (long)value
        : throw new MalformedFileException("a number does not fit 63 bits");

    /// <summary>A count of things that each take so many bytes of the file.</summary>
    public int ReadCount(int most, int leastBytes, string what)
    {
        var count = ReadLength();
        return count <= most && count <= (fileBytes - Position) / leastBytes ? (int)count : throw new MalformedFileException($"the file says that it has {count} {what}");
    }

    /// <summary>A text in UTF-8.</summary>
    public string ReadText(int maxBytes = MaxTextBytes)
    {
        var bytes = new byte[ReadCount(maxBytes, 1, "bytes in a text")];
        Read(bytes);
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new MalformedFileException("a text is not UTF-8", e);
        }
    }

    /// <summary>A value of metadata: long, double, bool, string, or an array of one of them. Whole numbers of all widths are long, floats of both are double.</summary>
    public object ReadValue()
    {
        var type = ReadUInt32();
        return type switch
        {
            7 => ReadFlag(),
            8 => ReadText(),
            9 => ReadArray(),
            6 or 12 => ReadFloat(WidthOf(type)),
            _ => ReadInteger(type, WidthOf(type)),
        };
    }

    private object ReadArray()
    {
        var type = ReadUInt32();
        var count = ReadCount((int)MaxElements, type == 8 ? sizeof(ulong) : type == 7 ? 1 : WidthOf(type), "elements in an array");
        _elements += count;
        if (_elements > MaxElements)
        {
            throw new MalformedFileException($"arrays have more than {MaxElements} elements together");
        }

        return type switch
        {
            7 => Fill(count, ReadFlag),
            8 => Fill(count, () => ReadText()),
            6 or 12 => Fill(count, () => ReadFloat(WidthOf(type))),
            _ => Fill(count, () => ReadInteger(type, WidthOf(type))),
        };
    }

    private static T[] Fill<T>(int count, Func<T> read)
    {
        var values = new T[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = read();
        }

        return values;
    }

    private bool ReadFlag() => Read(_number.AsSpan(0, 1))[0] switch
    {
        0 => false,
        1 => true,
        _ => throw new MalformedFileException("a truth value is neither 0 nor 1"),
    };

    private double ReadFloat(int width)
    {
        var bytes = Read(_number.AsSpan(0, width));
        return width == sizeof(float) ? AsWritten(BinaryPrimitives.ReadSingleLittleEndian(bytes)) : BinaryPrimitives.ReadDoubleLittleEndian(bytes);
    }

    /// <summary>The number with the fewest digits that the float is nearest to: what stood in the model's <c>config.json</c> before it was made a float.</summary>
    private static double AsWritten(float value) => double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private long ReadInteger(uint type, int width)
    {
        var bytes = Read(_number.AsSpan(0, width));
        return type switch
        {
            0 => bytes[0],
            1 => (sbyte)bytes[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            3 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            5 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            10 => BinaryPrimitives.ReadUInt64LittleEndian(bytes) is var value && value <= long.MaxValue ? (long)value : throw new MalformedFileException("a number does not fit 63 bits"),
            _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
    }

    /// <summary>Bytes of a number, by its type's number in the format.</summary>
    private static int WidthOf(uint type) => type switch
    {
        0 or 1 => 1,
        2 or 3 => 2,
        4 or 5 or 6 => 4,
        10 or 11 or 12 => 8,
        9 => throw new MalformedFileException("an array is an array's element"),
        _ => throw new MalformedFileException($"there is no type of metadata {type}"),
    };

    private Span<byte> Read(Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw new MalformedFileException("the file ends before its tensors are described");
        }

        Position += bytes.Length;
        return bytes;
    }
}
