using System.Runtime.InteropServices;
using System.Security.Cryptography;
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
        { "IQ2_XXS", 16 }, { "IQ2_XS", 17 }, { "IQ2_S", 22 }, { "IQ3_XXS", 18 }, { "IQ3_S", 21 }, { "IQ1_S", 19 }, { "IQ1_M", 29 }, { "TQ1_0", 34 }, { "TQ2_0", 35 },
    };

    /// <summary>Formats whose codes name points of tables: number, the byte of a block that holds the factor's exponent, and SHA-256 of what ggml makes of 1,024 blocks, which name every point.</summary>
    public static TheoryData<uint, int, string> Tables => new()
    {
        { 16, 1, "DF77B5A0E2E8C1D858F3A842375B35E0E3173420D6E1E4AE9E13A5C042B83B85" },
        { 17, 1, "95B60042E22950D3EB077E998D184E23A7BB93D083E051FFA1EE56CD5374220B" },
        { 18, 1, "E808AAF58C61CEB2AACB19C2A9C00B5D4569A221CD735B4A52AE084824DD87DB" },
        { 19, 1, "B43B5B10CF740A11055CAC662CE69D6F204CFC0CDC90CD84EF3E6AED4D86E0DE" },
        { 21, 1, "59F25FB3BEB2F2013E63B42E1E7CC29AE3DA1DDBAA4ABB2D7AB0FFC0268C6BCF" },
        { 22, 1, "4A3D5D36C0C4AE939F864AC0481F2A84C8D1CEE3C7FE47C20B34FC9C1B6F2BED" },
        { 29, 55, "F67FE6E9DBB8B81BF3FF497C41CD1A0B0D7646CC7093F500CD092F4E8FE0BAC7" },
        { 34, 53, "468866AE76D059ECDA2CCFD84ED66C4E837E01CD48F6AC38A6497178F0864499" },
        { 35, 65, "B5891785EF1F19AF0301A54436B0893F517F9016B7A6AE95333B87227822955B" },
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

    [Theory]
    [MemberData(nameof(Tables))]
    public void Decode_EveryPointOfATable_IsWhatGgmlMakesOfIt(uint number, int exponentAt, string digest)
    {
        const int Blocks = 1024;
        var format = GgufType.Of(number).Blocks!;
        var (bytes, state) = (new byte[Blocks * format.Bytes], number);
        foreach (ref var one in bytes.AsSpan())
        {
            state = (state * 1_664_525) + 1_013_904_223;
            one = (byte)(state >> 24);
        }

        var (values, codes, scales) = (new List<float>(), new float[format.Columns], new float[format.Groups]);
        foreach (var block in bytes.Chunk(format.Bytes))
        {
            // No infinite factor.
            block[exponentAt] &= 0xBF;
            format.Decode(block, codes, scales, []);
            values.AddRange(codes.Select((code, i) => code * scales[i / format.GroupColumns]));
        }

        Assert.Equal(digest, Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(values)))));
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
