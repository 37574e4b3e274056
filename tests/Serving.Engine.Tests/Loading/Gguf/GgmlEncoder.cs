using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Keeps the elements of a matrix as one of ggml's types: what stands in the file, and what it stands for.</summary>
internal sealed record GgmlEncoder(string Name, uint Type, Func<float[], (byte[] Bytes, float[] Values)> Encode)
{
    private const int Block = 32;

    public static GgmlEncoder F32 { get; } = new("F32", 0, values => (MemoryMarshal.AsBytes<float>(values).ToArray(), values));

    public static GgmlEncoder F16 { get; } = new("F16", 1, values =>
    {
        Half[] halves = [.. values.Select(value => (Half)value)];
        return (MemoryMarshal.AsBytes<Half>(halves).ToArray(), [.. halves.Select(half => (float)half)]);
    });

    public static GgmlEncoder BF16 { get; } = new("BF16", 30, values =>
    {
        ushort[] upper = [.. values.Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];
        return (MemoryMarshal.AsBytes<ushort>(upper).ToArray(), [.. upper.Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))]);
    });

    public static GgmlEncoder Q8 { get; } = new("Q8_0", 8, values => EncodeBlocks(values, (block, bytes) =>
    {
        var scale = WriteHalf(bytes, block.Max(Math.Abs) / 127);
        bytes.AddRange(block.Select(value => (byte)(sbyte)Math.Clamp(Math.Round(value / scale), -127, 127)));
        return [.. bytes.TakeLast(Block).Select(code => (sbyte)code * scale)];
    }));

    public static GgmlEncoder Q4 { get; } = new("Q4_0", 2, values => EncodeBlocks(values, (block, bytes) =>
    {
        var scale = WriteHalf(bytes, block.MaxBy(Math.Abs) / -8);
        int[] codes = [.. block.Select(value => (int)Math.Clamp(Math.Round(value / scale) + 8, 0, 15))];
        WriteNibbles(bytes, codes);
        return [.. codes.Select(code => (code - 8) * scale)];
    }));

    public static GgmlEncoder Q4WithMinimum { get; } = new("Q4_1", 3, values => EncodeBlocks(values, (block, bytes) =>
    {
        var scale = WriteHalf(bytes, (block.Max() - block.Min()) / 15);
        var minimum = WriteHalf(bytes, block.Min());
        int[] codes = [.. block.Select(value => (int)Math.Clamp(Math.Round((value - minimum) / scale), 0, 15))];
        WriteNibbles(bytes, codes);
        return [.. codes.Select(code => (code * scale) + minimum)];
    }));

    /// <summary>Five bits with a minimum, which no format of integers here holds. The fifth bits lie before the others, a bit of 32 for each.</summary>
    public static GgmlEncoder Q5WithMinimum { get; } = new("Q5_1", 7, values => EncodeBlocks(values, (block, bytes) =>
    {
        var scale = WriteHalf(bytes, (block.Max() - block.Min()) / 31);
        var minimum = WriteHalf(bytes, block.Min());
        int[] codes = [.. block.Select(value => (int)Math.Clamp(Math.Round((value - minimum) / scale), 0, 31))];
        bytes.AddRange(BitConverter.GetBytes(codes.Index().Aggregate(0u, (bits, code) => bits | ((uint)(code.Item >> 4) << code.Index))));
        WriteNibbles(bytes, [.. codes.Select(code => code & 15)]);
        return [.. codes.Select(code => (code * scale) + minimum)];
    }));

    /// <summary>E2M1's numbers of which 6 is the largest, by code; the scale is the power of two that brings the largest magnitude to from 4 to 8. ggml has no zero below zero.</summary>
    public static GgmlEncoder Mx { get; } = new("MXFP4", 39, values => EncodeBlocks(values, (block, bytes) =>
    {
        double[] numbers = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
        var power = Math.ILogB(block.Max(Math.Abs) is var largest and > 0 ? largest : 4) - 2;
        int[] codes = [.. block.Select(value => numbers.Index().MinBy(number => Math.Abs(Math.ScaleB(number.Item, power) - Math.Abs(value))).Index | (value < 0 ? 8 : 0))];
        bytes.Add((byte)(power + 127));
        WriteNibbles(bytes, codes);
        return [.. codes.Select(code => (float)(Math.ScaleB(code > 7 ? -numbers[code - 8] : numbers[code], power) + 0.0))];
    }));

    public static GgmlEncoder NonLinear { get; } = new("IQ4_NL", 20, values => EncodeBlocks(values, (block, bytes) =>
    {
        int[] numbers = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
        var scale = WriteHalf(bytes, block.MaxBy(Math.Abs) / -127);
        int[] codes = [.. block.Select(value => numbers.Index().MinBy(number => Math.Abs((number.Item * scale) - value)).Index)];
        WriteNibbles(bytes, codes);
        return [.. codes.Select(code => numbers[code] * scale)];
    }));

    public static IEnumerable<GgmlEncoder> All { get; } = [F32, F16, BF16, Q8, Q4, Q4WithMinimum, Q5WithMinimum, Mx, NonLinear];

    public static GgmlEncoder Of(string name) => All.Single(encoder => encoder.Name == name);

    private static (byte[], float[]) EncodeBlocks(float[] values, Func<float[], List<byte>, float[]> encode)
    {
        var (bytes, decoded) = (new List<byte>(), new List<float>());
        foreach (var block in values.Chunk(Block))
        {
            decoded.AddRange(encode(block, bytes));
        }

        return ([.. bytes], [.. decoded]);
    }

    private static float WriteHalf(List<byte> bytes, float value)
    {
        var (half, pair) = ((Half)(value == 0 ? 1 : value), new byte[2]);
        BinaryPrimitives.WriteHalfLittleEndian(pair, half);
        bytes.AddRange(pair);
        return (float)half;
    }

    private static void WriteNibbles(List<byte> bytes, int[] codes) =>
        bytes.AddRange(Enumerable.Range(0, Block / 2).Select(i => (byte)(codes[i] | (codes[i + (Block / 2)] << 4))));
}
