using System.Runtime.InteropServices;
using Serving.Compute.Steps;

namespace Serving.Compute.Cpu.Interop;

/// <summary>srv_options.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeOptions
{
    public uint StructSize;
    public int AbiVersion;
    public int Isa;
    public int ThreadCount;
    public int IntegerIsa;
    public int Reserved;
}

/// <summary>srv_op.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeOp
{
    public NativeOpKind Kind;
    public int Input;
    public int Output;
    public int Weight;
    public int Bias;
    public int QueryNorm;
    public int KeyNorm;
    public int Mode;
    public int Layer;
    public int FirstSlice;
    public int SliceCount;
    public float Epsilon;
    public float Scale;
    public float Cap;
    public int Window;
    public int Table;
    public int FirstColumn;
    public int Factor;
    public int Gate;
    public int GateColumn;
    public int Rates;
    public int Rate;
    public int DecayBias;
    public int KeyHeads;
    public int ValueHeads;
    public int KeySize;
    public int ValueSize;
    public int Taps;
    public long StateOffset;
}

/// <summary>srv_op_kind.</summary>
internal enum NativeOpKind
{
    Embed,
    RmsNorm,
    Linear,
    RopeAppend,
    Attention,
    GateMul,
    Gather,
    Logits,
    Sample,
    Route,
    Dispatch,
    Combine,
    LayerNorm,
    Activation,
    SigmoidMul,
    Convolution,
    DeltaRule,
}

/// <summary>srv_buffer.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeBufferInfo
{
    public int Columns;
    public int Element;
    public int Rows;
}

/// <summary>srv_weight.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeWeight
{
    public int Rows;
    public int Columns;
    public int Kind;
    public int Format;
    public float Offset;
    public int Experts;
}

/// <summary>srv_slice.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeSlice
{
    public int InputWidth;
    public int OutputOffset;
    public int OutputWidth;
    public int Experts;
}

/// <summary>srv_program.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeProgram
{
    public uint StructSize;
    public int HiddenSize;
    public int LayerCount;
    public int HeadCount;
    public int KvHeadCount;
    public int HeadSize;
    public int VocabularySize;
    public int RopePositions;
    public int RopePairs;
    public int OpCount;
    public int BufferCount;
    public int WeightCount;
    public int SliceCount;
    public int RopeTables;
    public int ExpertCount;
    public int ChoiceCount;
    public int KeyValues;
    public int Reserved;
    public long StateBytes;
    public NativeOp* Ops;
    public NativeBufferInfo* Buffers;
    public NativeWeight* Weights;
    public NativeSlice* Slices;
    public float* Cosines;
    public float* Sines;
}

/// <summary>srv_pool.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativePool
{
    public uint StructSize;
    public int PageCount;
    public long PageBytes;
    public int AdapterSlots;
    public int MaxRows;
    public int MaxSequences;
    public int MaxOutputs;
    public int MaxContext;
    public int HostPageCount;
}

/// <summary>srv_adapter_slice.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeAdapterSlice
{
    public int Slice;
    public int Rank;
    public float Scale;
    public int FirstRun;
    public int RunCount;
    public int Expert;
    public ushort* A;
    public ushort* B;
    public float* Factors;
}

/// <summary>srv_cell_run.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeCellRun
{
    public int Page;
    public int FirstCell;
    public int Matrix;
    public int RankBlock;
    public int FirstTile;
    public int TileCount;
}

/// <summary>srv_step: counts and pinned arrays of a <see cref="StepInputs"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeStep
{
    public uint StructSize;
    public int RowCount;
    public int SequenceCount;
    public int EntryCount;
    public int SegmentCount;
    public int CopyCount;
    public int OutputCount;
    public int PenaltyCount;
    public int BiasCount;
    public int MaskWordCount;
    public int HiddenCount;
    public int StatePageCount;
    public int* TokenIds;
    public int* Positions;
    public int* AppendPages;
    public int* AppendSlots;
    public StepSequence* Sequences;
    public StepPage* Entries;
    public StepSegment* Segments;
    public StepPageCopy* Copies;
    public SampleRow* Outputs;
    public PenaltyToken* Penalties;
    public TokenBias* Biases;
    public uint* Masks;
    public int* Hidden;
    public int* StatePages;
}

/// <summary>srv_outputs: pinned arrays of a <see cref="StepOutputs"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeOutputs
{
    public uint StructSize;
    public int Reserved;
    public int* TokenIds;
    public float* Logprobs;
    public int* TopIds;
    public float* TopLogprobs;
    public float* Logits;
    public float* Hidden;
}
