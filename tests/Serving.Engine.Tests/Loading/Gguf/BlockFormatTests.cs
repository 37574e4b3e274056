using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Serving.Engine.Loading.Gguf;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>One random block of every format against what ggml itself makes of it, bit for bit.</summary>
public class BlockFormatTests
{
    private static readonly JsonArray Blocks = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.DemoReferences, "ggml-blocks.json")))!.AsArray();

    /// <summary>The formats' names and numbers.</summary>
    public static TheoryData<string, uint> Formats => new()
    {
        { "Q4_0", 2 }, { "Q4_1", 3 }, { "Q5_0", 6 }, { "Q5_1", 7 }, { "Q8_0", 8 }, { "Q2_K", 10 }, { "Q3_K", 11 }, { "Q4_K", 12 }, { "Q5_K", 13 }, { "Q6_K", 14 }, { "IQ4_NL", 20 }, { "IQ4_XS", 23 }, { "MXFP4", 39 },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Decode_RandomBlock_IsWhatGgmlMakesOfIt(string name, uint number)
    {
        var reference = Blocks.Single(block => (string)block!["type"]! == name)!;
        var bytes = Convert.FromBase64String((string)reference["block"]!);
        var expected = MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)reference["values"]!));
        var type = GgufType.Of(number);
        var format = type.Blocks!;
        Assert.Equal((name, bytes.Length, expected.Length), (type.Name, format.Bytes, format.Columns));
        var (codes, scales, minimums) = (new float[format.Columns], new float[format.Groups], new float[format.Groups]);
        format.Decode(bytes, codes, scales, minimums);
        Assert.Equal(format.HasMinimums, minimums.Any(minimum => minimum != 0));
        for (var i = 0; i < codes.Length; i++)
        {
            var group = i / format.GroupColumns;
            Assert.Equal(expected[i], (codes[i] * scales[group]) - minimums[group]);
        }
    }
}
