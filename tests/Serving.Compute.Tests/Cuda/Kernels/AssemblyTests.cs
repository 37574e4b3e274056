using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What NVIDIA's assembler makes of the PTX: what no emulator can tell. <c>native/cuda/assemble fetch</c> brings it; it needs no GPU.</summary>
public sealed partial class AssemblyTests
{
    /// <summary>Registers of a multiprocessor, all architectures.</summary>
    private const int Registers = 65536;

    /// <summary>Bytes that a kernel may put away and read again: a handful of addresses outside of its loops, never an accumulator.</summary>
    private const int MaxSpilledBytes = 64;

    private static string? Assembler { get; } = Find();

    public static TheoryData<string> Architectures => ["sm_80", "sm_86", "sm_89", "sm_90"];

    [Theory]
    [MemberData(nameof(Architectures))]
    public async Task Assemble_Kernels_AllFitTheirBlocksAndSpillNothingToSpeakOf(string architecture)
    {
        var ptx = await ReadAsync("serving_kernels.ptx");
        var output = await AssembleAsync("serving_kernels.ptx", architecture);
        var kernels = Kernel().Matches(output).ToDictionary(match => match.Groups["name"].Value);
        var threads = Entry().Matches(ptx).ToDictionary(match => match.Groups["name"].Value, match => Number(match, "threads"));
        Assert.NotEmpty(threads);
        Assert.Equal(threads.Keys.Order(), kernels.Keys.Order());
        foreach (var (name, kernel) in kernels)
        {
            Assert.True(Number(kernel, "spilled") <= MaxSpilledBytes, $"{name} spills {Number(kernel, "spilled")} bytes on {architecture}");

            // A warp takes registers by eights.
            var registers = (Number(kernel, "registers") + 7) / 8 * 8 * threads[name];
            Assert.True(registers <= Registers, $"{name} takes {registers} registers on {architecture}");
        }
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public async Task Assemble_PtxTable_IsTaken(string architecture)
    {
        await ReadAsync("serving_ptx_table.ptx");
        Assert.Contains("Compiling entry function", await AssembleAsync("serving_ptx_table.ptx", architecture), StringComparison.Ordinal);
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static async Task<string> ReadAsync(string name)
    {
        var file = Path.Combine(AppContext.BaseDirectory, name);
        Repository.Requires(File.Exists(file), "the CUDA kernels were not built (it takes nvcc or clang-19)");
        Repository.RequiresHardware(Assembler is not null, "ptxas is not here (native/cuda/assemble fetch)");
        return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
    }

    /// <summary>What ptxas says; it fails the test with that where it refuses.</summary>
    private static async Task<string> AssembleAsync(string name, string architecture)
    {
        using var folder = new TemporaryFolder();
        var start = new ProcessStartInfo(Assembler!) { RedirectStandardError = true };
        foreach (var argument in (string[])["-v", $"-arch={architecture}", Path.Combine(AppContext.BaseDirectory, name), "-o", folder.PathOf("kernels.cubin")])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output);
        return output;
    }

    private static string? Find()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator).Select(folder => Path.Combine(folder, "ptxas"));
        string?[] places = [Environment.GetEnvironmentVariable("SERVING_PTXAS"), Repository.PathOf("artifacts", "ptxas", "ptxas"), .. folders];
        return places.FirstOrDefault(File.Exists);
    }

    [GeneratedRegex(@"Compiling entry function '(?<name>\w+)'.*\n.*\n\s+\d+ bytes stack frame, (?<spilled>\d+) bytes spill stores.*\n.*Used (?<registers>\d+) registers")]
    private static partial Regex Kernel();

    [GeneratedRegex(@"\.visible \.entry (?<name>\w+)\([^{]*\.maxntid (?<threads>\d+)")]
    private static partial Regex Entry();
}
