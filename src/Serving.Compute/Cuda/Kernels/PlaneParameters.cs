using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>Parameters of a kernel that reads what ranks have gathered from each other: a plane per rank, which lie as far apart as the step has rows.</summary>
internal interface IGatheredPlanes
{
    /// <summary>Sets how many floats lie between planes.</summary>
    void SetPlaneStride(ulong floats);
}

/// <summary>srv_sum_planes_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SumPlanesParameters : IGatheredPlanes
{
    public ulong Input;
    public ulong Output;
    public ulong PlaneStride;
    public ulong RowCount;
    public int Columns;
    public int Planes;
    public int InputStride;
    public int OutputStride;
    public int Accumulate;
    public int Reserved;

    /// <inheritdoc/>
    public void SetPlaneStride(ulong floats) => PlaneStride = floats;
}

/// <summary>srv_join_planes_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct JoinPlanesParameters : IGatheredPlanes
{
    public ulong Input;
    public ulong Output;
    public ulong PlaneStride;
    public ulong RowCount;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int Reserved;

    /// <inheritdoc/>
    public void SetPlaneStride(ulong floats) => PlaneStride = floats;
}
