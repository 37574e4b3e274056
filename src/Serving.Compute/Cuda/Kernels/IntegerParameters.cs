using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_dequantize_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DequantizeParameters
{
    public ulong Weight;
    public ulong Output;
    public int Outputs;
    public int Inputs;
    public int OutputStride;
    public int Reserved;
}
