using System.Buffers.Binary;
using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// The header of a safetensors file (the format of huggingface/safetensors): 8 bytes little-endian length, a JSON object of
/// tensor → dtype, shape, data_offsets, then the data. Hostile until checked: the tensors must tile the data exactly, without overlap, hole or rest.
/// </summary>
/// <param name="DataOffset">First byte of the data section in the file.</param>
/// <param name="Tensors">Tensors by name.</param>
public sealed record SafetensorsHeader(long DataOffset, IReadOnlyDictionary<string, TensorEntry> Tensors)
{
    /// <summary>Bytes before the header's text.</summary>
    public const int PrefixBytes = 8;

    /// <summary>Longest header read, as the reference implementation's.</summary>
    public const int MaxBytes = 100_000_000;

    private const int MaxDepth = 8;
    private const int MaxDimensions = 8;
    private const int MaxNameLength = 1024;
    private const int MaxTensors = 1 << 20;

    /// <summary>The header's length from the file's first 8 bytes, checked against the file's size.</summary>
    /// <exception cref="MalformedFileException">Longer than the file or than the limit.</exception>
    public static int ReadLength(ReadOnlySpan<byte> prefix, long fileBytes, int maxBytes = MaxBytes)
    {
        if (prefix.Length < PrefixBytes || fileBytes < PrefixBytes)
        {
            throw new MalformedFileException("the file is shorter than a safetensors header");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        return length <= (ulong)Math.Min(maxBytes, fileBytes - PrefixBytes)
            ? (int)length
            : throw new MalformedFileException("the header is longer than the file or than the limit");
    }

    /// <summary>Parses the header's text.</summary>
    /// <param name="text">The JSON, without the length before it.</param>
    /// <param name="fileBytes">Size of the whole file.</param>
    /// <exception cref="MalformedFileException">Anything but a well-formed header whose tensors tile the data.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> text, long fileBytes)
    {
        try
        {
            var tensors = ReadTensors(text);
            var dataOffset = (long)PrefixBytes + text.Length;
            CheckTiling(tensors.Values, fileBytes - dataOffset);
            return new SafetensorsHeader(dataOffset, tensors);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The reader throws the latter for text that is not valid UTF-8 or UTF-16.
            throw new MalformedFileException("the header is not valid JSON", e);
        }
    }

    private static Dictionary<string, TensorEntry> ReadTensors(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = MaxDepth });
        Require(reader.Read() && reader.TokenType == JsonTokenType.StartObject, "the header is not an object");
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        var hasMetadata = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            Require(reader.ValueSpan.Length <= MaxNameLength, "a tensor's name is too long");
            var name = reader.GetString()!;
            reader.Read();
            if (name == "__metadata__")
            {
                Require(!hasMetadata && reader.TokenType == JsonTokenType.StartObject, "the metadata is not one object");
                hasMetadata = true;
                reader.Skip();
                continue;
            }

            Require(tensors.Count < MaxTensors, "too many tensors");
            Require(tensors.TryAdd(name, ReadTensor(ref reader, name)), $"tensor {MalformedFileException.Quote(name)} appears twice");
        }

        while (reader.Read())
        {
            throw new MalformedFileException("text after the header's object");
        }

        return tensors;
    }

    private static TensorEntry ReadTensor(ref Utf8JsonReader reader, string name)
    {
        TensorType? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        Require(reader.TokenType == JsonTokenType.StartObject, $"tensor {MalformedFileException.Quote(name)} is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (type is null && reader.ValueTextEquals("dtype"u8))
            {
                reader.Read();
                type = ReadType(ref reader, name);
            }
            else if (shape is null && reader.ValueTextEquals("shape"u8))
            {
                shape = ReadNumbers(ref reader, name, MaxDimensions);
            }
            else if (offsets is null && reader.ValueTextEquals("data_offsets"u8))
            {
                offsets = ReadNumbers(ref reader, name, 2);
            }
            else
            {
                throw new MalformedFileException($"tensor {MalformedFileException.Quote(name)} has an unknown or repeated key");
            }
        }

        Require(type is not null && shape is not null && offsets?.Count == 2, $"tensor {MalformedFileException.Quote(name)} is incomplete");
        var bytes = ByteCount(shape!, TensorTypes.SizeOf(type!.Value));
        Require(bytes is not null && offsets![0] <= offsets[1] && offsets[1] - offsets[0] == bytes, $"tensor {MalformedFileException.Quote(name)} is not as long as its shape says");
        return new TensorEntry(name, type.Value, shape!, offsets![0], offsets[1]);
    }

    private static TensorType ReadType(ref Utf8JsonReader reader, string name)
    {
        var known = TensorType.U8;
        Require(
            reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped && TensorTypes.TryParse(reader.ValueSpan, out known),
            $"tensor {MalformedFileException.Quote(name)} has an unknown dtype");
        return known;
    }

    private static List<long> ReadNumbers(ref Utf8JsonReader reader, string name, int most)
    {
        reader.Read();
        Require(reader.TokenType == JsonTokenType.StartArray, $"tensor {MalformedFileException.Quote(name)} has a malformed list");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var number = 0L;
            Require(
                numbers.Count < most && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out number) && number >= 0,
                $"tensor {MalformedFileException.Quote(name)} has a malformed list");
            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>Product of the dimensions times the element size, or null where it does not fit 63 bits.</summary>
    private static long? ByteCount(List<long> shape, int elementBytes)
    {
        UInt128 bytes = (UInt128)elementBytes;
        foreach (var dimension in shape)
        {
            // Checked before it is multiplied by zero further on: a product that wraps anywhere is hostile.
            bytes *= (UInt128)dimension;
            if (bytes > long.MaxValue)
            {
                return null;
            }
        }

        return (long)bytes;
    }

    private static void CheckTiling(IEnumerable<TensorEntry> tensors, long dataBytes)
    {
        var next = 0L;
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            Require(tensor.Begin == next, $"tensor {MalformedFileException.Quote(tensor.Name)} overlaps another or leaves a hole");
            next = tensor.End;
        }

        Require(next == dataBytes, "the tensors do not cover the file's data exactly");
    }

    private static void Require(bool holds, string reason)
    {
        if (!holds)
        {
            throw new MalformedFileException(reason);
        }
    }
}
