using System.Text;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>The vocabulary and merges inside a vocabulary-only GGUF file (format version 3).</summary>
internal sealed class GgufVocabulary
{
    private readonly Dictionary<string, object?> _values = [];

    private GgufVocabulary(BinaryReader reader)
    {
        Assert.Equal("GGUF", Encoding.ASCII.GetString(reader.ReadBytes(4)));
        reader.ReadUInt32();
        reader.ReadUInt64();
        for (var count = reader.ReadUInt64(); count > 0; count--)
        {
            var key = ReadString(reader);
            _values[key] = ReadValue(reader, reader.ReadUInt32());
        }
    }

    public string[] Tokens => Strings("tokenizer.ggml.tokens");

    public string[] Merges => Strings("tokenizer.ggml.merges");

    /// <summary>3 marks a control token, 4 one that was added by the model's author.</summary>
    public int[] TokenTypes => [.. ((object?[])_values["tokenizer.ggml.token_type"]!).Select(value => (int)value!)];

    public static GgufVocabulary Read(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        return new GgufVocabulary(reader);
    }

    private static string ReadString(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadUInt64()));

    private static object? ReadValue(BinaryReader reader, uint type) => type switch
    {
        0 or 1 or 7 => reader.ReadByte(),
        2 or 3 => reader.ReadInt16(),
        4 or 5 => reader.ReadInt32(),
        6 => reader.ReadSingle(),
        8 => ReadString(reader),
        9 => ReadArray(reader),
        10 or 11 => reader.ReadInt64(),
        12 => reader.ReadDouble(),
        _ => throw new InvalidDataException($"GGUF type {type}"),
    };

    private static object?[] ReadArray(BinaryReader reader)
    {
        var type = reader.ReadUInt32();
        var items = new object?[reader.ReadUInt64()];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = ReadValue(reader, type);
        }

        return items;
    }

    private string[] Strings(string key) => [.. ((object?[])_values[key]!).Select(value => (string)value!)];
}
