using System.Runtime.InteropServices;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>The emulated tiles: products against TDPBF16PS's definition and the hardware's where it is, and what the instructions refuse.</summary>
public sealed class TileTests
{
    private const int TileBytes = 1024;
    private const int Stride = 64;

    /// <summary>Rows of C, pairs of bf16 that are multiplied, columns of C.</summary>
    public static TheoryData<int, int, int> Shapes => new() { { 16, 16, 16 }, { 1, 16, 16 }, { 16, 1, 16 }, { 16, 16, 1 }, { 5, 3, 9 }, { 1, 1, 1 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Product_IsThatOfTheDefinition(int rows, int pairs, int columns)
    {
        CpuEmulator.Require();
        for (var seed = 0; seed < 40; seed++)
        {
            var (c, a, b) = (Draw(seed), Draw(seed + 1000), Draw(seed + 2000));
            var expected = Enumerable.Repeat(0xDEADBEEFu, TileBytes / 4).ToArray();
            Define(rows, pairs, columns, c, a, b, expected);
            foreach (var control in new[] { Flush.Default, Flush.Flushing })
            {
                AssertSame(expected, Run(onHardware: false, control, rows, pairs, columns, c, a, b)!);
            }
        }
    }

    [Fact]
    public void Product_IsThatOfTheHardware()
    {
        CpuEmulator.Require();
        foreach (var (rows, pairs, columns) in Shapes.Select(shape => shape.Data))
        {
            for (var seed = 0; seed < 40; seed++)
            {
                var (c, a, b) = (Draw(seed), Draw(seed + 1000), Draw(seed + 2000));
                var real = Run(onHardware: true, Flush.Default, rows, pairs, columns, c, a, b);
                Repository.RequiresHardware(real is not null, "this CPU lacks amx");
                AssertSame(real!, Run(onHardware: false, Flush.Default, rows, pairs, columns, c, a, b)!);
            }
        }
    }

    [Fact]
    public void Refused_IsWhatTheManualSaysFaults()
    {
        CpuEmulator.Require();
        Assert.Null(Fault(_ => { }));
        Assert.Equal("there is no such palette", Fault(config => config[0] = 2));
        Assert.Equal("no tile is configured", Fault(config => config[0] = 0));
        foreach (var reserved in new[] { 2, 15, 32, 47, 56, 63 })
        {
            Assert.Equal("reserved bytes are not zero", Fault(config => config[reserved] = 1));
        }

        Assert.Equal("a tile has 16 rows of 64 bytes at most", Fault(config => config[48] = 17));
        Assert.Equal("a tile has 16 rows of 64 bytes at most", Fault(config => config[16] = 68));
        Assert.Equal("a tile has rows and columns, or neither", Fault(config => config[48] = 0));
        Assert.Equal("a tile has rows and columns, or neither", Fault(config => config[16] = 0));
        Assert.Equal("this tile is not configured", Fault(config => config[48] = config[16] = 0));
        Assert.Equal("rows are not whole dwords", Fault(config => config[16] = 62));
        Assert.Equal("the start row lies behind the last", Fault(config => config[1] = 16));
        Assert.Equal("rows and columns of the three do not fit", Fault(config => config[48] = 15));
        Assert.Equal("rows and columns of the three do not fit", Fault(config => config[16 + (2 * 6)] = 60));
        Assert.Equal("rows and columns of the three do not fit", Fault(config => config[48 + 6] = 15));
        Assert.Equal("the three tiles are not three", Fault(_ => { }, b: 4));
        Assert.Equal("this tile is not configured", Fault(_ => { }, b: 8));
    }

    private static string? Fault(Action<byte[]> change, int b = 6)
    {
        var config = Config(16, 16, 16);
        change(config);
        return CpuEmulator.TileFault(config, 0, 4, b);
    }

    /// <summary>C in tile 0, A in 4, B in 6.</summary>
    private static byte[] Config(int rows, int pairs, int columns)
    {
        var config = new byte[64];
        config[0] = 1;
        foreach (var (tile, tileRows, dwords) in new[] { (0, rows, columns), (4, rows, pairs), (6, pairs, columns) })
        {
            config[16 + (2 * tile)] = (byte)(4 * dwords);
            config[48 + tile] = (byte)tileRows;
        }

        return config;
    }

    private static uint[]? Run(bool onHardware, uint control, int rows, int pairs, int columns, uint[] c, uint[] a, uint[] b)
    {
        var result = Enumerable.Repeat(0xDEADBEEFu, TileBytes / 4).ToArray();
        var ran = CpuEmulator.TileProduct(
            onHardware, control, Config(rows, pairs, columns), MemoryMarshal.AsBytes<uint>(c), MemoryMarshal.AsBytes<uint>(a), MemoryMarshal.AsBytes<uint>(b), MemoryMarshal.AsBytes(result.AsSpan()), Stride);
        return ran ? result : null;
    }

    /// <summary>In each output two chains of fused multiply-adds from zero, of the even and of the odd elements; their sum is added to C. Denormals are zero throughout.</summary>
    private static void Define(int rows, int pairs, int columns, uint[] c, uint[] a, uint[] b, uint[] result)
    {
        var flush = new Flush(on: true);
        for (var m = 0; m < rows; m++)
        {
            for (var n = 0; n < columns; n++)
            {
                var (even, odd) = (0f, 0f);
                for (var k = 0; k < pairs; k++)
                {
                    var (x, w) = (a[(16 * m) + k], b[(16 * k) + n]);
                    even = flush.MultiplyAdd(Definitions.Single(x << 16), Definitions.Single(w << 16), even);
                    odd = flush.MultiplyAdd(Definitions.Single(x & 0xFFFF0000), Definitions.Single(w & 0xFFFF0000), odd);
                }

                result[(16 * m) + n] = Definitions.Bits(flush.Add(Definitions.Single(c[(16 * m) + n]), flush.Add(even, odd)));
            }
        }
    }

    /// <summary>Mostly numbers, so that not all is NaN; small ones in some tiles, whose sums are denormal; edge values in one of many places.</summary>
    private static uint[] Draw(int seed)
    {
        var random = new Random(seed);
        var scale = seed % 3 == 0 ? 1e-19f : 1;
        return [.. Enumerable.Range(0, TileBytes / 4).Select(_ => random.Next(400) == 0 && seed % 2 == 0 ? Inputs.Edges[random.Next(Inputs.Edges.Length)] : Pair())];

        uint Pair() => (Definitions.Bits((random.NextSingle() - 0.5f) * scale) & 0xFFFF0000) | (Definitions.Bits((random.NextSingle() - 0.5f) * scale) >> 16);
    }

    private static void AssertSame(uint[] expected, uint[] actual)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var same = expected[i] == actual[i] || (float.IsNaN(Definitions.Single(expected[i])) && (actual[i] & 0x7FC00000) == 0x7FC00000);
            Assert.True(same, $"row {i / 16}, column {i % 16}: {actual[i]:X8}, not {expected[i]:X8}");
        }
    }
}
