using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Cuda.Steps;

/// <summary>The counts at the start of a step's block, each read by kernels through its own address.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StepHeader
{
    public int RowCount;
    public int SequenceCount;
    public int OutputCount;
    public int CopyCount;
    public int ChoiceCount;
    public ListRange Tiles;
}
