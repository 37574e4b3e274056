using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// What stands before the weights in a GGUF file (the format of ggml-org/ggml, versions 2 and 3, little-endian): magic, version, metadata, descriptions of tensors. Hostile until
/// checked: counts and lengths fit the file, and every tensor that can be read lies inside it.
/// </summary>
/// <param name="Metadata">Metadata.</param>
/// <param name="Tensors">Tensors by name.</param>
/// <param name="DataOffset">First byte of the weights.</param>
internal sealed record GgufHeader(GgufMetadata Metadata, IReadOnlyDictionary<string, GgufTensor> Tensors, long DataOffset)
{
    private const uint Magic = 0x46554747;
    private const int MaxValues = 1 << 16;
    private const int MaxTensors = 1 << 20;
    private const int MaxNameBytes = 1024;
    private const int MaxDimensions = 4;
    private const long MaxDimension = 1L << 31;
    private const int LeastAlignment = 32;
    private const int MostAlignment = 1 << 20;

    /// <summary>Reads the beginning of a file.</summary>
    /// <param name="stream">The file, at its first byte.</param>
    /// <param name="fileBytes">Its size.</param>
    /// <exception cref="MalformedFileException">Anything but a well-formed beginning of a version that is read.</exception>
    public static GgufHeader Read(Stream stream, long fileBytes)
    {
        var reader = new GgufReader(stream, fileBytes);
        if (reader.ReadUInt32() != Magic)
        {
            throw new MalformedFileException("the file does not begin as a GGUF file");
        }

        CheckVersion(reader.ReadUInt32());
        var tensorCount = reader.ReadCount(MaxTensors, 24, "tensors");
        var metadata = ReadMetadata(reader);
        var descriptions = new List<GgufTensor>(tensorCount);
        for (var i = 0; i < tensorCount; i++)
        {
            descriptions.Add(ReadTensor(reader));
        }

        var alignment = metadata.Integer("general.alignment") ?? LeastAlignment;
        if (alignment is < 1 or > MostAlignment || !long.IsPow2(alignment))
        {
            throw new MalformedFileException("general.alignment is not a power of two within bounds");
        }

        var data = (reader.Position + alignment - 1) / alignment * alignment;
        return new GgufHeader(metadata, Place(descriptions, data, alignment, fileBytes), data);
    }

    private static void CheckVersion(uint version)
    {
        if (version is not (2 or 3))
        {
            throw new MalformedFileException((version & 0xFFFF) == 0 && version != 0 ? "the file is big-endian, which is not supported" : $"version {version} of the format is not supported (2 and 3 are)");
        }
    }

    private static GgufMetadata ReadMetadata(GgufReader reader)
    {
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var left = reader.ReadCount(MaxValues, 13, "values of metadata"); left > 0; left--)
        {
            var key = reader.ReadText(MaxNameBytes);
            if (!values.TryAdd(key, reader.ReadValue()))
            {
                throw new MalformedFileException($"{MalformedFileException.Quote(key)} appears twice");
            }
        }

        return new GgufMetadata(values);
    }

    private static GgufTensor ReadTensor(GgufReader reader)
    {
        var name = reader.ReadText(MaxNameBytes);
        var count = reader.ReadUInt32();
        var dimensions = new long[count is >= 1 and <= MaxDimensions ? count : throw Wrong(name, $"has {count} dimensions")];
        foreach (ref var dimension in dimensions.AsSpan())
        {
            dimension = reader.ReadLength();
            if (dimension is < 1 or > MaxDimension)
            {
                throw Wrong(name, $"has a dimension of {dimension}");
            }
        }

        var type = GgufType.Of(reader.ReadUInt32());
        return new GgufTensor(name, type, dimensions, reader.ReadLength());
    }

    /// <summary>Tensors by name, their offsets counted from the file's beginning.</summary>
    private static Dictionary<string, GgufTensor> Place(List<GgufTensor> descriptions, long data, long alignment, long fileBytes)
    {
        var tensors = new Dictionary<string, GgufTensor>(descriptions.Count, StringComparer.Ordinal);
        foreach (var tensor in descriptions)
        {
            if (tensor.Offset % alignment != 0)
            {
                throw Wrong(tensor.Name, "is not aligned");
            }

            if (tensor.Type.IsReadable)
            {
                CheckSize(tensor, fileBytes - data - tensor.Offset);
            }

            if (!tensors.TryAdd(tensor.Name, tensor with { Offset = data + tensor.Offset }))
            {
                throw Wrong(tensor.Name, "appears twice");
            }
        }

        return tensors;
    }

    private static void CheckSize(GgufTensor tensor, long room)
    {
        if (tensor.Dimensions[0] % tensor.Type.BlockColumns != 0)
        {
            throw Wrong(tensor.Name, $"has rows of {tensor.Dimensions[0]} elements, which are not whole blocks of {tensor.Type.Name}");
        }

        var bytes = (UInt128)tensor.RowBytes;
        foreach (var dimension in tensor.Dimensions.Skip(1))
        {
            bytes *= (UInt128)dimension;
            if (bytes > long.MaxValue)
            {
                break;
            }
        }

        if (room < 0 || bytes > (UInt128)room)
        {
            throw Wrong(tensor.Name, "ends behind the file");
        }
    }

    private static MalformedFileException Wrong(string tensor, string what) => new($"tensor {MalformedFileException.Quote(tensor)} {what}");
}
