using System.Runtime.Intrinsics;
using Serving.Compute.Managed.Lanes;

namespace Serving.Compute.Tests.Managed.Kernels;

/// <summary>A test of a kernel, written once for all widths.</summary>
internal interface IWidthTest
{
    /// <summary>Runs it.</summary>
    void Run<TL, TV>()
        where TL : struct, ILanes<TV>
        where TV : struct;
}

/// <summary>Runs a test over vectors of 128, 256 and 512 bits; those that the machine lacks run in software, with the same results.</summary>
internal static class Widths
{
    /// <summary>All widths in turn.</summary>
    public static void RunAll(IWidthTest test)
    {
        test.Run<Lanes128, Vector128<float>>();
        test.Run<Lanes256, Vector256<float>>();
        test.Run<Lanes512, Vector512<float>>();
    }
}
