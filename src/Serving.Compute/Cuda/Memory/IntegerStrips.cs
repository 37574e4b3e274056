using System.Runtime.InteropServices;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// How a matrix of integers lies on the device (native/cuda/integers/params.h): strips of 64 outputs, in them blocks of 64 inputs, in these integers in the order in which lanes of a product take
/// them, and their scales. 8.5 or 4.5 bits an element.
/// </summary>
internal static class IntegerStrips
{
    /// <summary>SRV_INTEGER_OUTPUTS: rows of a strip.</summary>
    public const int Rows = 64;

    /// <summary>SRV_INTEGER_SCALE_BYTES: scales of a block.</summary>
    private const int ScaleBytes = 256;

    /// <summary>Outputs whose pairs of inputs make a fragment: two halves of eight.</summary>
    private const int TileRows = 16;

    private const int Half = 8;
    private const int QuarterColumns = 16;
    private const int Quarters = BlockQuantizer.BlockSize / QuarterColumns;

    /// <summary>Lanes that share a row, each with four of a quarter's inputs.</summary>
    private const int LanesOfRow = 4;

    /// <summary>Inputs of a quarter that a lane has, from twice its number on.</summary>
    private static ReadOnlySpan<int> Columns => [0, 1, 8, 9];

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(WeightFormat format) => ValueBytes(format) + ScaleBytes;

    /// <summary>Bytes of a strip of rows of so many elements.</summary>
    public static int StripBytes(WeightFormat format, int columns) => checked(BlocksOf(columns) * BlockBytes(format));

    /// <summary>Bytes of a matrix.</summary>
    public static long BytesOf(WeightSpec weight) => (long)StripsOf(weight.Rows) * StripBytes(weight.Format, weight.Columns);

    /// <summary>Strips of so many rows.</summary>
    public static int StripsOf(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Blocks of a strip.</summary>
    public static int BlocksOf(int columns) => BlockQuantizer.PaddedColumns(columns) / BlockQuantizer.BlockSize;

    /// <summary>Writes a row's part of a block, over what was there.</summary>
    /// <param name="format">Int8 or Int4.</param>
    /// <param name="block">The block.</param>
    /// <param name="row">The row's number in its strip.</param>
    /// <param name="values">The row's integers of the block.</param>
    /// <param name="scales">Its two scales.</param>
    public static void Put(WeightFormat format, Span<byte> block, int row, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
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
                    PutNibbles(ref MemoryMarshal.AsRef<uint>(block[((quarter * 512) + (at * 16) + (tile * 4))..]), half, inputs[(2 * lane)..]);
                }
            }
        }

        var ofGroups = MemoryMarshal.Cast<byte, ushort>(block[ValueBytes(format)..]);
        var scale = (group * 8) + (tile * 2) + half;
        ofGroups[scale] = scales[0];
        ofGroups[scale + (ScaleBytes / 2 / sizeof(ushort))] = scales[1];
    }

    private static int ValueBytes(WeightFormat format) => Rows * BlockQuantizer.BlockSize / (format == WeightFormat.Int8 ? 1 : 2);

    private static void PutBytes(Span<byte> target, ReadOnlySpan<sbyte> values)
    {
        for (var i = 0; i < Columns.Length; i++)
        {
            target[i] = (byte)(values[Columns[i]] + 128);
        }
    }

    /// <summary>Nibbles half, half + 4, half + 2, half + 6 of a word.</summary>
    private static void PutNibbles(ref uint word, int half, ReadOnlySpan<sbyte> values)
    {
        for (var i = 0; i < Columns.Length; i++)
        {
            var shift = 4 * (half + (4 * (i % 2)) + (i / 2 * 2));
            word = (word & ~(0xFu << shift)) | ((uint)(values[Columns[i]] + 8) << shift);
        }
    }
}
