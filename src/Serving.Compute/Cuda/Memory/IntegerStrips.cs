using System.Runtime.InteropServices;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// How a matrix of integers lies on the device (native/cuda/integers/params.h): strips of 64 outputs, in them blocks of 64 inputs, in these integers in the order in which lanes of a product take
/// them, their scales, and their offsets where the format has some. 8.5, 4.5 or 5 bits an element. Every expert of a matrix of several begins a strip.
/// </summary>
internal static class IntegerStrips
{
    /// <summary>SRV_INTEGER_OUTPUTS: rows of a strip.</summary>
    public const int Rows = 64;

    /// <summary>SRV_INTEGER_SCALE_BYTES: scales of a block, or its offsets.</summary>
    private const int ScaleBytes = 256;

    /// <summary>Outputs whose pairs of inputs make a fragment: two halves of eight.</summary>
    private const int TileRows = 16;

    private const int Half = 8;
    private const int QuarterColumns = 16;
    private const int Quarters = BlockQuantizer.BlockSize / QuarterColumns;

    /// <summary>Lanes that share a row, each with four of a quarter's inputs.</summary>
    private const int LanesOfRow = 4;

    private static readonly byte[] CodesOfIq4 = CodesOf(BlockQuantizer.Iq4CodeOf);
    private static readonly byte[] CodesOfInt4 = CodesOf(integer => (int)(integer + 8) & 0xF);
    private static readonly byte[] CodesOfMxfp4 = CodesOf(number => Math.Max(0, BlockQuantizer.Mxfp4Numbers.IndexOf((sbyte)number)));

    /// <summary>Inputs of a quarter that a lane has, from twice its number on.</summary>
    private static ReadOnlySpan<int> Columns => [0, 1, 8, 9];

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(WeightFormat format) => ValueBytes(format) + (BlockQuantizer.HasOffsets(format) ? 2 * ScaleBytes : ScaleBytes);

    /// <summary>Bytes of a strip of rows of so many elements.</summary>
    public static int StripBytes(WeightFormat format, int columns) => checked(BlocksOf(columns) * BlockBytes(format));

    /// <summary>Bytes of a matrix.</summary>
    public static long BytesOf(WeightSpec weight) => (long)StripsOf(weight) * StripBytes(weight.Format, weight.Columns);

    /// <summary>Strips of a matrix.</summary>
    public static int StripsOf(WeightSpec weight) => checked(weight.Experts * StripsOf(weight.RowsPerExpert));

    /// <summary>Rows of a strip of a matrix: fewer than others where an expert's matrix ends.</summary>
    public static int RowsOf(WeightSpec weight, int strip) => Math.Min(Rows, weight.RowsPerExpert - (strip % StripsOf(weight.RowsPerExpert) * Rows));

    /// <summary>The strip in which a row lies, and its number there.</summary>
    public static (int Strip, int Row) PlaceOf(WeightSpec weight, int row)
    {
        var (expert, within) = Math.DivRem(row, weight.RowsPerExpert);
        return ((expert * StripsOf(weight.RowsPerExpert)) + (within / Rows), within % Rows);
    }

    /// <summary>Strips of so many rows.</summary>
    public static int StripsOf(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Blocks of a strip.</summary>
    public static int BlocksOf(int columns) => BlockQuantizer.PaddedColumns(columns) / BlockQuantizer.BlockSize;

    /// <summary>Writes a row's part of a block, over what was there.</summary>
    /// <param name="format">A format of integers.</param>
    /// <param name="block">The block.</param>
    /// <param name="row">The row's number in its strip.</param>
    /// <param name="values">The row's integers of the block.</param>
    /// <param name="scales">Its two scales.</param>
    /// <param name="offsets">Its two offsets; none where the format has none.</param>
    public static void Put(WeightFormat format, Span<byte> block, int row, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales, ReadOnlySpan<ushort> offsets)
    {
        var (tile, half, group) = (row / TileRows, row / Half % 2, row % Half);
        for (var quarter = 0; quarter < Quarters; quarter++)
        {
            var inputs = values.Slice(quarter * QuarterColumns, QuarterColumns);
            for (var lane = 0; lane < LanesOfRow; lane++)
            {
                var at = (group * LanesOfRow) + lane;
                if (format == WeightFormat.Int8)
                {
                    PutBytes(block[((quarter * 1024) + (tile / 2 * 512) + (at * 16) + (tile % 2 * 8) + (half * 4))..], inputs[(2 * lane)..]);
                }
                else
                {
                    PutNibbles(format, ref MemoryMarshal.AsRef<uint>(block[((quarter * 512) + (at * 16) + (tile * 4))..]), half, inputs[(2 * lane)..]);
                }
            }
        }

        var ofGroups = MemoryMarshal.Cast<byte, ushort>(block[ValueBytes(format)..]);
        PutTwo(ofGroups, scales);
        if (offsets.Length > 0)
        {
            PutTwo(ofGroups[(ScaleBytes / sizeof(ushort))..], offsets);
        }

        void PutTwo(Span<ushort> target, ReadOnlySpan<ushort> two)
        {
            var at = (group * 8) + (tile * 2) + half;
            target[at] = two[0];
            target[at + (ScaleBytes / 2 / sizeof(ushort))] = two[1];
        }
    }

    /// <summary>Reads a row as it is multiplied with: elements rounded to bf16.</summary>
    /// <param name="format">A format of integers.</param>
    /// <param name="strip">The row's strip.</param>
    /// <param name="row">The row's number in its strip.</param>
    /// <param name="values">Receives its elements.</param>
    public static void Read(WeightFormat format, ReadOnlySpan<byte> strip, int row, Span<float> values)
    {
        var (tile, half, group) = (row / TileRows, row / Half % 2, row % Half);
        Span<int> integers = stackalloc int[BlockQuantizer.BlockSize];
        for (var first = 0; first < values.Length; first += BlockQuantizer.BlockSize, strip = strip[BlockBytes(format)..])
        {
            for (var lane = 0; lane < Quarters * LanesOfRow; lane++)
            {
                var (quarter, at) = (lane / LanesOfRow, (group * LanesOfRow) + (lane % LanesOfRow));
                for (var i = 0; i < Columns.Length; i++)
                {
                    integers[(quarter * QuarterColumns) + (2 * (lane % LanesOfRow)) + Columns[i]] = format == WeightFormat.Int8
                        ? strip[(quarter * 1024) + (tile / 2 * 512) + (at * 16) + (tile % 2 * 8) + (half * 4) + i] - 128
                        : IntegerOf(format, MemoryMarshal.Read<uint>(strip[((quarter * 512) + (at * 16) + (tile * 4))..]), half, i);
                }
            }

            var ofGroups = MemoryMarshal.Cast<byte, ushort>(strip[ValueBytes(format)..BlockBytes(format)]);
            for (var k = 0; k < Math.Min(BlockQuantizer.BlockSize, values.Length - first); k++)
            {
                var scale = (group * 8) + (tile * 2) + half + (k / BlockQuantizer.GroupSize * (ScaleBytes / 2 / sizeof(ushort)));
                var offset = BlockQuantizer.HasOffsets(format) ? BFloat16Bits.ToSingle(ofGroups[scale + (ScaleBytes / sizeof(ushort))]) : 0;
                values[first + k] = BFloat16Bits.ToSingle(BFloat16Bits.FromSingle((BFloat16Bits.ToSingle(ofGroups[scale]) * integers[k]) + offset));
            }
        }
    }

    private static int ValueBytes(WeightFormat format) => Rows * BlockQuantizer.BlockSize / (format == WeightFormat.Int8 ? 1 : 2);

    private static void PutBytes(Span<byte> target, ReadOnlySpan<sbyte> values)
    {
        for (var i = 0; i < Columns.Length; i++)
        {
            target[i] = (byte)(values[Columns[i]] + 128);
        }
    }

    /// <summary>The nibble of a word that has an input: half, half + 4, half + 2, half + 6; of codes, which are looked up four at a time, half, half + 2, half + 4, half + 6.</summary>
    private static int NibbleOf(WeightFormat format, int half, int i) => format is WeightFormat.Iq4 or WeightFormat.Mxfp4 ? half + (2 * i) : half + (4 * (i % 2)) + (i / 2 * 2);

    private static int IntegerOf(WeightFormat format, uint word, int half, int i)
    {
        var code = (int)(word >> (4 * NibbleOf(format, half, i)) & 0xF);
        return format switch
        {
            WeightFormat.Iq4 => BlockQuantizer.Iq4Numbers[code],
            WeightFormat.Mxfp4 => BlockQuantizer.Mxfp4Numbers[code],
            _ => code - 8,
        };
    }

    /// <summary>Four of a word's nibbles, every second one: the other half's are left as they are.</summary>
    private static void PutNibbles(WeightFormat format, ref uint word, int half, ReadOnlySpan<sbyte> values)
    {
        var codes = CodesOf(format);
        var all = 0u;
        for (var i = 0; i < Columns.Length; i++)
        {
            all |= (uint)codes[(byte)values[Columns[i]]] << (4 * NibbleOf(format, 0, i));
        }

        word = (word & ~(0x0F0F0F0Fu << (4 * half))) | (all << (4 * half));
    }

    private static byte[] CodesOf(WeightFormat format) => format switch
    {
        WeightFormat.Iq4 => CodesOfIq4,
        WeightFormat.Mxfp4 => CodesOfMxfp4,
        _ => CodesOfInt4,
    };

    /// <summary>The code of every byte: a checkpoint has as many of them as elements.</summary>
    private static byte[] CodesOf(Func<float, int> codeOf) => [.. Enumerable.Range(0, 256).Select(value => (byte)codeOf((sbyte)value))];
}
