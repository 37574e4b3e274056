using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_scale_outputs_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ScaleParameters
{
    public LoraParameters Lora;
    public ulong FactorRuns;
    public ulong Product;
    public ulong RowSlots;
    public ulong RowCount;
    public ulong PlaneStride;
    public int ProductStride;
    public int Planes;
}
