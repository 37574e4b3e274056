using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_embed_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EmbedParameters
{
    public ulong Weight;
    public ulong TokenIds;
    public ulong Sampled;
    public ulong Pending;
    public ulong Output;
    public ulong RowCount;
    public int Columns;
    public int WeightStride;
    public int OutputStride;
    public float Scale;
}

/// <summary>srv_rms_norm_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RmsNormParameters
{
    public ulong Input;
    public ulong Weight;
    public ulong Output;
    public ulong RowCount;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public float Epsilon;
    public float Offset;
    public int Mode;
}

/// <summary>srv_layer_norm_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LayerNormParameters
{
    public ulong Input;
    public ulong Weight;
    public ulong Bias;
    public ulong Output;
    public ulong RowCount;
    public int Columns;
    public int Groups;
    public int InputStride;
    public int OutputStride;
    public float Epsilon;
    public float Offset;
    public int Mode;
    public int Reserved;
}

/// <summary>srv_activate_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ActivateParameters
{
    public ulong Input;
    public ulong Output;
    public ulong Numbers;
    public ulong RowCount;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int Activation;
}

/// <summary>srv_cap_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CapParameters
{
    public ulong Values;
    public ulong Bias;
    public ulong RowCount;
    public int Columns;
    public int Stride;
    public float Cap;
    public float Scale;
}

/// <summary>srv_silu_mul_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SiluMulParameters
{
    public ulong Input;
    public ulong Output;
    public ulong Factor;
    public ulong RowCount;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int FactorStride;
    public int Activation;
    public float Limit;
}

/// <summary>srv_gather_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GatherParameters
{
    public ulong Input;
    public ulong Output;
    public ulong SampleRows;
    public ulong OutputCount;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int Reserved;
}

/// <summary>srv_sample_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SampleParameters
{
    public ulong Logits;
    public ulong Scratch;
    public ulong SampleRows;
    public ulong Penalties;
    public ulong Biases;
    public ulong Masks;
    public ulong Pending;
    public ulong TokenIds;
    public ulong Logprobs;
    public ulong TopIds;
    public ulong TopLogprobs;
    public ulong OutputCount;
    public int Vocabulary;
    public int LogitsStride;
}
