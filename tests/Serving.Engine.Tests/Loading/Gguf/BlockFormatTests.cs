using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Engine.Loading;
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

    /// <summary>Codes of four bits in groups of 32 can be had as integers with offsets, in rows of several blocks; what they stand for is ggml's up to what bf16 rounds of a scale and an offset.</summary>
    [Theory]
    [InlineData("Q4_1", 3, true)]
    [InlineData("Q4_K", 12, true)]
    [InlineData("Q5_1", 7, false)]
    [InlineData("Q2_K", 10, false)]
    [InlineData("Q5_K", 13, false)]
    public void ReadIntegers_CodesWithMinimums_StandForWhatGgmlMakesOfThem(string name, uint number, bool holds)
    {
        var reference = Blocks.Single(block => (string)block!["type"]! == name)!;
        var expected = MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)reference["values"]!)).ToArray();
        var bytes = Enumerable.Repeat(Convert.FromBase64String((string)reference["block"]!), 6).SelectMany(block => block).ToArray();
        var columns = 3 * expected.Length;
        var rows = GgufRows.Open(new Content(bytes), new GgufTensor("w", GgufType.Of(number), [columns, 2], 0), columns, 0);
        Assert.Equal(holds, rows.Holds(WeightFormat.Int4Asymmetric));
        Assert.False(rows.Holds(WeightFormat.Int4));
        if (!holds)
        {
            return;
        }

        var (padded, groups) = (BlockQuantizer.PaddedColumns(columns), BlockQuantizer.GroupCount(columns));
        var values = Enumerable.Repeat((sbyte)99, 2 * padded).ToArray();
        var scales = Enumerable.Repeat(ushort.MaxValue, 4 * groups).ToArray();
        rows.ReadIntegers(WeightFormat.Int4Asymmetric, 0, 2, values, scales, new LoadScratch());
        for (var i = 0; i < 2 * columns; i++)
        {
            var (row, column) = (i / columns, i % columns);
            var group = (row * 2 * groups) + (column / 32);
            var stands = (values[(row * padded) + column] * BFloat16Bits.ToSingle(scales[group])) + BFloat16Bits.ToSingle(scales[group + groups]);
            var wanted = expected[column % expected.Length];
            Assert.InRange(values[(row * padded) + column], -8, 7);
            Assert.InRange(Math.Abs(stands - wanted), 0, expected.AsSpan(column % expected.Length / 32 * 32, 32).ToArray().Max(Math.Abs) / 128);
        }

        Assert.All(Enumerable.Range(columns, padded - columns), k => Assert.Equal(0, values[k]));
    }

    private sealed class Content(byte[] bytes) : IGgufContent
    {
        public void Read(long offset, Span<byte> destination) => bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }
}
