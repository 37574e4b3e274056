using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What the compiler made of the kernels.</summary>
public sealed partial class KernelPtxTests
{
    /// <summary>
    /// No array of a kernel lies in local memory, which is device memory behind a cache: accumulators and fragments are registers only where every index is known
    /// when compiling.
    /// </summary>
    [Theory]
    [InlineData("serving_kernels.ptx")]
    [InlineData("serving_hopper.ptx")]
    public void Ptx_EveryKernel_KeepsItsArraysInRegisters(string name)
    {
        var file = Path.Combine(AppContext.BaseDirectory, name);
        Repository.Requires(File.Exists(file), "the CUDA kernels were not built (it takes nvcc or clang-19)");
        var kernels = Entry().Split(File.ReadAllText(file)).Skip(1).ToList();
        Assert.NotEmpty(kernels);
        Assert.All(kernels, kernel => Assert.DoesNotContain("__local_depot", kernel, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\.visible \.entry ")]
    private static partial Regex Entry();
}
