using System.Text;

namespace Serving.Testing.Models;

/// <summary>Makes well-formed GGUF files, version 3.</summary>
public sealed class GgufWriter
{
    private const int Alignment = 32;

    private readonly List<(string Key, Action<BinaryWriter> Value)> _metadata = [];
    private readonly List<(string Name, uint Type, long[] Dimensions, byte[] Bytes)> _tensors = [];

    /// <summary>Adds a value of metadata: int is UINT32, float FLOAT32, bool BOOL, string STRING, and arrays of int (INT32), bool, float and string.</summary>
    public GgufWriter Put(string key, object value)
    {
        _metadata.Add((key, writer => Write(writer, value)));
        return this;
    }

    /// <summary>Takes a value of metadata out.</summary>
    public GgufWriter Remove(string key)
    {
        _metadata.RemoveAll(entry => entry.Key == key);
        return this;
    }

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">ggml's number of its element type.</param>
    /// <param name="dimensions">Columns first.</param>
    /// <param name="bytes">Its elements.</param>
    public GgufWriter Add(string name, uint type, long[] dimensions, byte[] bytes)
    {
        _tensors.Add((name, type, dimensions, bytes));
        return this;
    }

    /// <summary>Takes a tensor out.</summary>
    public GgufWriter RemoveTensor(string name)
    {
        _tensors.RemoveAll(tensor => tensor.Name == name);
        return this;
    }

    /// <summary>The files of the model split into so many parts: the first one has the metadata, all have tensors and say which part they are.</summary>
    public IReadOnlyList<GgufWriter> Split(int parts) => [.. Enumerable.Range(0, parts).Select(number =>
    {
        var part = new GgufWriter();
        part._metadata.AddRange(number == 0 ? _metadata : []);
        part._tensors.AddRange(_tensors.Where((_, i) => i * parts / _tensors.Count == number));
        return part.Put("split.no", number).Put("split.count", parts).Put("split.tensors.count", _tensors.Count);
    })];

    /// <summary>The file's bytes.</summary>
    public byte[] ToArray()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)_tensors.Count);
        writer.Write((long)_metadata.Count);
        foreach (var (key, value) in _metadata)
        {
            WriteText(writer, key);
            value(writer);
        }

        var offset = 0L;
        foreach (var (name, type, dimensions, bytes) in _tensors)
        {
            WriteText(writer, name);
            writer.Write(dimensions.Length);
            foreach (var dimension in dimensions)
            {
                writer.Write(dimension);
            }

            writer.Write(type);
            writer.Write(offset);
            offset += Padded(bytes.Length);
        }

        writer.Write(new byte[Padded(stream.Length) - stream.Length]);
        foreach (var tensor in _tensors)
        {
            writer.Write(tensor.Bytes);
            writer.Write(new byte[Padded(tensor.Bytes.Length) - tensor.Bytes.Length]);
        }

        return stream.ToArray();
    }

    private static void Write(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case int number:
                writer.Write(4);
                writer.Write(number);
                break;
            case float number:
                writer.Write(6);
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(7);
                writer.Write(flag);
                break;
            case string text:
                writer.Write(8);
                WriteText(writer, text);
                break;
            case int[] numbers:
                WriteArray(writer, 5, numbers, writer.Write);
                break;
            case bool[] flags:
                WriteArray(writer, 7, flags, writer.Write);
                break;
            case float[] numbers:
                WriteArray(writer, 6, numbers, writer.Write);
                break;
            case string[] texts:
                WriteArray(writer, 8, texts, text => WriteText(writer, text));
                break;
            default:
                throw new ArgumentException($"no type for {value.GetType()}", nameof(value));
        }
    }

    private static void WriteArray<T>(BinaryWriter writer, int type, T[] values, Action<T> write)
    {
        writer.Write(9);
        writer.Write(type);
        writer.Write((long)values.Length);
        Array.ForEach(values, write);
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
