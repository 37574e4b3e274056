using System.Diagnostics;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Emulator;

/// <summary>
/// The emulator's own tests, in C++ (native/cuda_emulator/tests): the driver's semantics, and mistakes planted in kernels that each have to be found. They run
/// in a process of their own, one after the other, and are named in the failure.
/// </summary>
public sealed class EmulatorSelfTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("0", "1")]
    [InlineData("0", "4")]
    [InlineData("12345", "2")]
    public async Task Every_case_passes(string seed, string hostThreads)
    {
        CudaEmulator.RequireInProcessOfItsOwn();
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "emulator_tests")) { RedirectStandardOutput = true };
        start.Environment["SRV_EMULATOR_SEED"] = seed;
        start.Environment["SRV_EMULATOR_THREADS"] = hostThreads;
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        var lines = (await process.StandardOutput.ReadToEndAsync(limit.Token)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync(limit.Token);
        Assert.All(lines, line => Assert.StartsWith("ok ", line, StringComparison.Ordinal));
        Assert.Equal(0, process.ExitCode);

        // The mistakes that the project promises to find.
        string[] planted = ["a_missing_barrier_is_found", "an_off_by_one_page_is_found", "an_unmasked_tail_is_found", "a_matrix_product_through_ldmatrix"];
        Assert.All(planted, name => Assert.Contains($"ok {name}", lines));
    }
}
