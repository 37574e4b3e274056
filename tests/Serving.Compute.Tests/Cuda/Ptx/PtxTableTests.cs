using System.Text;
using System.Text.RegularExpressions;
using Serving.Compute.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>The functions of native/cuda/ptx.cuh, emulated, by their definitions. The same table runs on a real GPU in native/cuda/gpu-check.</summary>
[Collection(EmulatorCollection.Name)]
public sealed partial class PtxTableTests
{
    public static TheoryData<string> Names => [.. PtxTable.Cases.Select(one => one.ToString())];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_function_does_what_its_definition_says(string name)
    {
        CudaEmulator.Require();
        Assert.True(CudaLibraries.TryLoadDriver(out var reason), reason);
        var one = PtxTable.Cases.Single(one => one.ToString() == name);
        var device = CudaDevice.Get(0);
        Repository.RequiresHardware(!one.Hopper || device is { Major: 9, Minor: 0 }, "the device is not of compute capability 9.0");
        var file = Path.Combine(AppContext.BaseDirectory, one.Hopper ? PtxTable.HopperFileName : PtxTable.FileName);
        var image = File.Exists(file) ? File.ReadAllBytes(file) : Encoding.ASCII.GetBytes("serving cuda emulator");
        using var runner = new PtxRunner(device, image);
        Assert.Null(runner.Run(one));
    }

    [Fact]
    public void Every_function_is_in_the_table()
    {
        var functions = Names_of_functions().Matches(File.ReadAllText(Path.Combine(Repository.Root, "native", "cuda", "ptx.cuh")))
            .Select(match => match.Groups["name"].Value).Where(name => !Helpers.Contains(name)).ToHashSet();
        var table = string.Concat(Directory.GetFiles(Path.Combine(Repository.Root, "native", "cuda", "ptx_table"), "*.cuh").Select(File.ReadAllText));
        Assert.True(functions.Count > 40, $"only {functions.Count} functions were found: has ptx.cuh another shape now?");
        Assert.All(functions, name => Assert.Matches($@"ptx::{name}\b", table));

        var kernels = Names_of_kernels().Matches(table).Select(match => match.Groups["name"].Value).ToHashSet();
        Assert.All(kernels, kernel => Assert.Contains(PtxTable.Cases, one => one.Kernel == kernel));
    }

    // They make addresses for other functions; the macros' own parameters.
    private static readonly string[] Helpers = ["global_address", "shared_address", "function"];

    [GeneratedRegex(@"^(?:    )?SRV_DEVICE \w+ (?<name>[a-z]\w*)\(|^SRV_PTX_(?:REGISTER|SHUFFLE|UNARY)\((?<name>\w+),", RegexOptions.Multiline)]
    private static partial Regex Names_of_functions();

    [GeneratedRegex(@"SRV_(?:KERNEL|KERNEL_ALONE|PTX_TABLE)\((?<name>ptx_\w+),")]
    private static partial Regex Names_of_kernels();
}
