using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>One number for each LoRA slice of a Linear.</summary>
[InlineArray(LoraParameters.MaxSlices)]
internal struct SliceNumbers
{
    private int _first;
}

/// <summary>srv_lora: what shrink and expand of one Linear share.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LoraParameters
{
    /// <summary>SRV_MAX_SLICES.</summary>
    public const int MaxSlices = 4;

    /// <summary>SRV_MAX_RANK.</summary>
    public const int MaxRank = 256;

    /// <summary>SRV_SHRINK_CHUNK: input columns of one partial plane.</summary>
    public const int ShrinkChunk = 1024;

    public ulong Pages;
    public ulong Bindings;
    public ulong Runs;
    public ulong Partials;
    public ulong PlaneStride;
    public int RowStride;
    public int RankStride;
    public int InputWidth;
    public int CellsPerPage;
    public int ModelSlices;
    public int FirstSlice;
    public int SliceCount;
    public int Reserved;
    public SliceNumbers OutputOffset;
    public SliceNumbers OutputWidth;
}

/// <summary>srv_shrink_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ShrinkParameters
{
    public LoraParameters Lora;
    public ulong Input;
    public ulong RowSlots;
    public ulong RowCount;
    public ulong Items;
    public ulong ItemRange;
    public int InputStride;
    public int Reserved;
}

/// <summary>srv_linear_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FinishParameters
{
    public LoraParameters Lora;
    public ulong Product;
    public ulong Bias;
    public ulong Output;
    public ulong RowSlots;
    public ulong RowCount;
    public ulong Tiles;
    public ulong TileRange;
    public ulong PlaneStride;
    public ulong Delta;
    public int Columns;
    public int ProductStride;
    public int OutputStride;
    public int Mode;
    public int Planes;
    public int DeltaStride;
}

/// <summary>srv_finish_norm_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FinishNormParameters
{
    public FinishParameters Linear;
    public RmsNormParameters Norm;
}

/// <summary>srv_finish_rope_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FinishRopeParameters
{
    public FinishParameters Linear;
    public RopeAppendParameters Rope;
}
