using System.Buffers.Binary;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// How ggml keeps a block of a row's columns as small codes: groups of columns share a scale, in some formats a minimum too, w = scale × code − minimum. The product is exact in fp32
/// in all of them (scales have 11 bits, those of a group within a block 19 at most, codes the rest), so that w is rounded once, whatever order or fused operation computes it.
/// </summary>
/// <param name="columns">Columns of a block.</param>
/// <param name="bytes">Bytes of a block.</param>
/// <param name="groupColumns">Columns that share a scale.</param>
internal abstract class BlockFormat(int columns, int bytes, int groupColumns)
{
    /// <summary>Columns of a block.</summary>
    public int Columns => columns;

    /// <summary>Bytes of a block.</summary>
    public int Bytes => bytes;

    /// <summary>Columns that share a scale.</summary>
    public int GroupColumns => groupColumns;

    /// <summary>Scales of a block.</summary>
    public int Groups => columns / groupColumns;

    /// <summary>Whether groups have minimums.</summary>
    public virtual bool HasMinimums => false;

    /// <summary>The format with the fewest bits that holds every code, with offsets where there are minimums; BFloat16 where none does.</summary>
    public virtual WeightFormat IntegerFormat => WeightFormat.BFloat16;

    /// <summary>Reads a block.</summary>
    /// <param name="block">Its bytes.</param>
    /// <param name="codes">Receives a whole number for every column.</param>
    /// <param name="scales">Receives the scale of every group.</param>
    /// <param name="minimums">Receives the minimum of every group; left as it is in formats without.</param>
    public abstract void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums);

    /// <summary>A number in half precision.</summary>
    protected static float Half(ReadOnlySpan<byte> block, int at) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[at..]);
}
