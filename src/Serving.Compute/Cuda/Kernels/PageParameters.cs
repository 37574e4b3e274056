using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_token_slots_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TokenSlotsParameters
{
    public ulong Sequences;
    public ulong Entries;
    public ulong TokenSlots;
    public ulong SequenceCount;
}

/// <summary>srv_copy_pages_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CopyPagesParameters
{
    public ulong Pages;
    public ulong PageBytes;
    public ulong Copies;
    public ulong CopyCount;
    public int LayerCount;
    public int KvHeadCount;
    public int HeadSize;
    public int Reserved;
}

/// <summary>srv_rotate_pages_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RotatePagesParameters
{
    public ulong Pages;
    public ulong PageBytes;
    public ulong Rotations;
    public ulong RotationCount;
    public ulong Cosines;
    public ulong Sines;
    public int LayerCount;
    public int KvHeadCount;
    public int HeadSize;
    public int PairCount;
}

/// <summary>srv_rope_append_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RopeAppendParameters
{
    public ulong Input;
    public ulong Output;
    public ulong Pages;
    public ulong PageBytes;
    public ulong Positions;
    public ulong AppendPages;
    public ulong AppendSlots;
    public ulong Cosines;
    public ulong Sines;
    public ulong QueryNorm;
    public ulong KeyNorm;
    public ulong RowCount;
    public int Layer;
    public int HeadCount;
    public int KvHeadCount;
    public int HeadSize;
    public int PairCount;
    public int InputStride;
    public int OutputStride;
    public int NormsTurned;
    public int Reserved;
    public float Epsilon;
    public float QueryOffset;
    public float KeyOffset;
}

/// <summary>srv_attention_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionParameters
{
    public ulong Query;
    public ulong Output;
    public ulong Pages;
    public ulong PageBytes;
    public ulong TokenSlots;
    public ulong RowList;
    public ulong RowOrdinals;
    public ulong RowPartials;
    public ulong Items;
    public ulong ItemRange;
    public ulong States;
    public ulong RowCount;
    public ulong Sinks;
    public int Layer;
    public int HeadCount;
    public int KvHeadCount;
    public int HeadSize;
    public int QueryStride;
    public int OutputStride;
    public float Scale;
    public int Window;
    public float Cap;
    public int Reserved;
}
