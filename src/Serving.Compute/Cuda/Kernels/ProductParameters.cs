using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_product_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProductParameters
{
    public ulong Weight;
    public ulong Input;
    public ulong Output;
    public ulong RowCount;
    public ulong PlaneStride;
    public int Outputs;
    public int Inputs;
    public int Planes;
    public int WeightStride;
    public int InputStride;
    public int OutputStride;
}
