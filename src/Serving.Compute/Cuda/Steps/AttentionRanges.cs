using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Cuda.Steps;

/// <summary>Which of a list's items a kernel takes, each read by kernels through its own address.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionRanges
{
    public ListRange All;
    public ListRange Decode;
    public ListRange Prefill;
}
