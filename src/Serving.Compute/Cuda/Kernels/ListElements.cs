using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_range: the part of a list that a launch works on.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ListRange
{
    public int First;
    public int Count;
}

/// <summary>srv_row_tile: neighbouring rows of one adapter.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RowTile
{
    /// <summary>Rows of a tile at most.</summary>
    public const int MaxRows = 64;

    public int FirstRow;
    public int RowCount;
    public int Slot;
    public int Reserved;
}

/// <summary>srv_shrink_item: two rank blocks of a slice over one chunk of input columns, for the rows of a tile.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ShrinkItem
{
    public int FirstRow;
    public int Slot;
    public ushort RowCount;
    public ushort Slice;
    public ushort RankPair;
    public ushort Chunk;
}

/// <summary>srv_lora_binding: where an adapter's slice lies.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LoraBinding
{
    public int FirstShrinkRun;
    public int FirstExpandRun;
    public int RankBlocks;
    public float Scale;
}

/// <summary>srv_attention_item: rows that read the same tokens, over some splits of them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionItem
{
    public int FirstRow;
    public int RowCount;
    public int FirstToken;
    public int FirstSplit;
    public int SplitCount;
    public int Partial;
    public int LastOrdinal;
    public int BeginOrdinal;
}

/// <summary>srv_page_rotation: keys of the first slots of a page, turned by so many positions and written to another page with the values.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PageRotation
{
    public int Source;
    public int Destination;
    public int Tokens;
    public int Positions;
}
