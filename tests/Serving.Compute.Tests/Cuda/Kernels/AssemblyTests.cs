using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Compute.Cuda.Kernels;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What NVIDIA's assembler makes of the PTX: what no emulator can tell. <c>native/cuda/assemble fetch</c> brings it; it needs no GPU.</summary>
public sealed partial class AssemblyTests
{
    /// <summary>Registers of a multiprocessor, all architectures.</summary>
    private const int Registers = 65536;

    /// <summary>Bytes that a kernel may put away and read again: a handful of addresses outside of its loops, never an accumulator.</summary>
    private const int MaxSpilledBytes = 64;

    /// <summary>By file and architecture: what ptxas says, which takes it up to half a minute.</summary>
    private static readonly ConcurrentDictionary<(string Name, string Architecture), Lazy<Task<(string Output, byte[] Code)>>> Assembled = new();

    private static string? Assembler { get; } = Find();

    /// <summary>Architecture, and the module's ending: kernels of sm_90a stand apart.</summary>
    public static TheoryData<string, string> Architectures => new()
    {
        { "sm_80", "kernels" },
        { "sm_86", "kernels" },
        { "sm_89", "kernels" },
        { "sm_90", "kernels" },
        { "sm_90a", "hopper" },
    };

    [Theory]
    [MemberData(nameof(Architectures))]
    public async Task Assemble_Kernels_AllFitTheirBlocksAndSpillNothingToSpeakOf(string architecture, string module)
    {
        var ptx = await ReadAsync($"serving_{module}.ptx");
        var (output, _) = await AssembleAsync($"serving_{module}.ptx", architecture);
        var kernels = Kernel().Matches(output).ToDictionary(match => match.Groups["name"].Value);
        var threads = Entry().Matches(ptx).ToDictionary(match => match.Groups["name"].Value, match => Number(match, "threads"));
        Assert.NotEmpty(threads);
        Assert.Equal(threads.Keys.Order(), kernels.Keys.Order());
        foreach (var (name, kernel) in kernels)
        {
            Assert.True(Number(kernel, "spilled") <= MaxSpilledBytes, $"{name} spills {Number(kernel, "spilled")} bytes on {architecture}");

            var registers = RegistersOf(kernel, threads[name]);
            Assert.True(registers <= Registers, $"{name} takes {registers} registers on {architecture}");
        }
    }

    /// <summary>
    /// On a multiprocessor of Hopper there is room for a block of the product and one of shrinks or, behind these, of expands; else they would run one after the other. Registers, and shared
    /// memory, of which a block takes 1 KiB more than it asks for. srv_product_iq4 is not among them: two registers of a thread are too many (native/cuda/RESULTS.md).
    /// </summary>
    [Theory]
    [InlineData("srv_product", KernelSet.ProductSharedBytes)]
    [InlineData("srv_product_int8", KernelSet.IntegerProductSharedBytes)]
    [InlineData("srv_product_int4", KernelSet.IntegerProductSharedBytes)]
    [InlineData("srv_product_int4_asymmetric", KernelSet.IntegerProductSharedBytes)]
    public async Task Assemble_Product_LeavesRoomForAdapters(string product, int productBytes)
    {
        const int SharedBytes = 228 << 10;
        const int ReservedBytes = 1 << 10;
        var ptx = await ReadAsync("serving_kernels.ptx");
        var kernels = Kernel().Matches((await AssembleAsync("serving_kernels.ptx", "sm_90")).Output).ToDictionary(match => match.Groups["name"].Value);
        var threads = Entry().Matches(ptx).ToDictionary(match => match.Groups["name"].Value, match => Number(match, "threads"));
        kernels[product] = Kernel().Matches((await AssembleAsync("serving_hopper.ptx", "sm_90a")).Output).Single(match => match.Groups["name"].Value == product);
        foreach (var (beside, bytes) in new[] { ("srv_lora_shrink", KernelSet.ShrinkSharedBytes), ("srv_lora_expand", KernelSet.FinishSharedBytes) })
        {
            Assert.InRange(RegistersOf(kernels[product], threads[product]) + RegistersOf(kernels[beside], threads[beside]), 1, Registers);
            Assert.InRange(productBytes + bytes + (2 * ReservedBytes), 1, SharedBytes);
        }
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public async Task Assemble_PtxTable_IsTaken(string architecture, string module)
    {
        var table = module == "hopper" ? "serving_ptx_table_hopper.ptx" : "serving_ptx_table.ptx";
        await ReadAsync(table);
        Assert.Contains("Compiling entry function", (await AssembleAsync(table, architecture)).Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// In the loop over tiles the products of the scores and those of the values before them stand one after the other, and the softmax between the waits for the ones and
    /// for the others. Written so, ptxas may still wait for both first; no result shows it, only time.
    /// </summary>
    [Fact]
    public async Task Assemble_PrefillWgmma_SoftensWhileTheValuesAreMultiplied()
    {
        await ReadAsync("serving_hopper.ptx");
        Repository.RequiresHardware(Disassembler is not null, "nvdisasm is not here (native/cuda/assemble fetch)");
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.PathOf("hopper.cubin"), (await AssembleAsync("serving_hopper.ptx", "sm_90a")).Code, TestContext.Current.CancellationToken);
        var code = await RunAsync(Disassembler!, "-c", folder.PathOf("hopper.cubin"));
        var steps = string.Concat(Step().Matches(code).Select(match => match.Value switch
        {
            "HGMMA" => "H",
            "MUFU.EX2" => "e",
            "WARPGROUP.DEPBAR.LE gsb0, 0x1" => "1",
            "WARPGROUP.DEPBAR.LE gsb0, 0x0" => "0",
            _ => "|",
        }));
        foreach (var (scores, values) in new[] { (4, 4), (8, 8) })
        {
            Assert.Matches($@"\|H{{{scores + values}}}1e{{34,}}0", steps);
        }
    }

    private static string? Disassembler { get; } = Assembler is null ? null
        : new[] { Path.Combine(Path.GetDirectoryName(Assembler)!, "nvdisasm") }.FirstOrDefault(File.Exists);

    /// <summary>A warp takes registers by eights.</summary>
    private static int RegistersOf(Match kernel, int threads) => (Number(kernel, "registers") + 7) / 8 * 8 * threads;

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static async Task<string> ReadAsync(string name)
    {
        var file = Path.Combine(AppContext.BaseDirectory, name);
        Repository.Requires(File.Exists(file), "the CUDA kernels were not built (it takes nvcc or clang-19)");
        Repository.RequiresHardware(Assembler is not null, "ptxas is not here (native/cuda/assemble fetch)");
        return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
    }

    private static Task<(string Output, byte[] Code)> AssembleAsync(string name, string architecture) =>
        Assembled.GetOrAdd((name, architecture), _ => new Lazy<Task<(string, byte[])>>(() => AssembleNowAsync(name, architecture))).Value;

    /// <summary>What ptxas says and makes; it fails the test with that where it refuses, or where it makes products of warpgroups wait for each other.</summary>
    private static async Task<(string Output, byte[] Code)> AssembleNowAsync(string name, string architecture)
    {
        using var folder = new TemporaryFolder();
        var output = await RunAsync(Assembler!, "-v", $"-arch={architecture}", Path.Combine(AppContext.BaseDirectory, name), "-o", folder.PathOf("kernels.cubin"));
        Assert.DoesNotContain("serialized", output, StringComparison.Ordinal);
        Assert.DoesNotContain("'setmaxnreg' ignored", output, StringComparison.Ordinal);
        return (output, await File.ReadAllBytesAsync(folder.PathOf("kernels.cubin")));
    }

    /// <summary>What a tool writes, to either stream.</summary>
    private static async Task<string> RunAsync(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) + await errors;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Repository.RequiresHardware(!output.Contains("is not defined for option 'gpu-name'", StringComparison.Ordinal), "this ptxas is older than sm_90a (native/cuda/assemble fetch)");
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

    [GeneratedRegex(@"HGMMA|MUFU\.EX2|WARPGROUP\.DEPBAR\.LE gsb0, 0x[01]|BAR\.SYNC")]
    private static partial Regex Step();

    [GeneratedRegex(@"\.visible \.entry (?<name>\w+)\([^{]*\.maxntid (?<threads>\d+)")]
    private static partial Regex Entry();
}
