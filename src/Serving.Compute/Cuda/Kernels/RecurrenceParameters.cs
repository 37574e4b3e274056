using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_state.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StateParameters
{
    public ulong Pages;
    public ulong List;
    public ulong Sequences;
    public ulong SequenceCount;
    public int First;
    public int PageFloats;
}

/// <summary>srv_convolution_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ConvolutionParameters
{
    public StateParameters State;
    public ulong Input;
    public ulong Output;
    public ulong Weight;
    public ulong Bias;
    public ulong RowSequences;
    public ulong RowCount;
    public int Columns;
    public int Taps;
    public int InputStride;
    public int OutputStride;
    public int Silu;
    public int Reserved;
}

/// <summary>srv_delta_rule_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DeltaRuleParameters
{
    /// <summary>SRV_DELTA_ROWS.</summary>
    public const int Rows = 16;

    /// <summary>SRV_MAX_KEY_SIZE.</summary>
    public const int MaxKeySize = 128;

    /// <summary>SRV_MAX_VALUE_SIZE.</summary>
    public const int MaxValueSize = 256;

    private const int WarpThreads = 32;

    public StateParameters State;
    public ulong Input;
    public ulong Gate;
    public ulong Rates;
    public ulong Output;
    public ulong Rate;
    public ulong DecayBias;
    public ulong Norm;
    public int KeyHeads;
    public int ValueHeads;
    public int KeySize;
    public int ValueSize;
    public int InputStride;
    public int GateStride;
    public int RatesStride;
    public int OutputStride;
    public float Epsilon;
    public float QueryScale;

    /// <summary>Threads of a block: a column of the state each, in whole warps.</summary>
    public static int ThreadsOf(int valueSize) => (valueSize + WarpThreads - 1) / WarpThreads * WarpThreads;

    /// <summary>Shared memory of a block.</summary>
    public static int SharedBytesOf(int keySize, int valueSize) => Rows * ((2 * (((keySize + 15) / 16 * 16) + 4)) + valueSize + 5) * sizeof(float);
}

/// <summary>srv_sigmoid_mul_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SigmoidMulParameters
{
    public ulong Input;
    public ulong Gate;
    public ulong Output;
    public ulong RowCount;
    public int Columns;
    public int InputStride;
    public int GateStride;
    public int OutputStride;
}
