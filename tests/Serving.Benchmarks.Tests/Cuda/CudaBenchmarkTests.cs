using System.Runtime.CompilerServices;
using System.Text.Json;
using Serving.Testing;

namespace Serving.Benchmarks.Tests.Cuda;

/// <summary>
/// The whole GPU benchmark on the emulated driver with a tiny model: every row that the bars are about is there, computed from something that ran. How fast it was means nothing.
/// </summary>
public sealed class CudaBenchmarkTests
{
    /// <summary>Row by its key and its bar, as the requirements have them; null where there is none.</summary>
    private static readonly (string Key, string? Bar)[] Expected =
    [
        ("device.copy", null),
        ("device.host", null),
        ("device.matrix", null),
        ("attention.decode", ">= 80"),
        ("attention.decode.short", null),
        ("attention.decode.many-short", null),
        ("attention.decode.few", null),
        ("attention.decode.few-long", null),
        ("attention.decode.few-long.whole", null),
        ("attention.decode.mixed", null),
        ("attention.decode.windowed", null),
        ("attention.decode.int8", null),
        ("attention.prefill", ">= 330"),
        ("attention.prefill.int8", null),
        ("recurrence.decode", null),
        ("recurrence.decode.one", null),
        ("recurrence.prefill", null),
        ("mixture.decode", null),
        ("mixture.decode.one", null),
        ("mixture.prefill", null),
        ("mxfp4.mixture.decode", null),
        ("mxfp4.mixture.decode.one", null),
        ("mxfp4.mixture.prefill", null),
        ("int4.decode", null),
        ("int4.decode.one", null),
        ("int4.product", null),
        ("int4.dequantize", null),
        ("int8.decode", null),
        ("int8.decode.one", null),
        ("int8.product", null),
        ("int8.dequantize", null),
        ("int4_asymmetric.product", null),
        ("int4_asymmetric.dequantize", null),
        ("iq4.product", null),
        ("iq4.dequantize", null),
        ("mxfp4.product", null),
        ("mxfp4.dequantize", null),
        ("decode.base", "<= 1.4"),
        ("decode.base.rate", null),
        ("decode.library", null),
        ("decode.in-turn", null),
        ("decode.deterministic", null),
        ("adapters.attention", "<= 1.4"),
        ("adapters.all", "<= 1.4"),
        ("adapters.share", "<= 10"),
        ("mixes.all.identical", "<= 1.4"),
        ("mixes.all.uniform", "<= 1.4"),
        ("mixes.all.skewed", "<= 1.4"),
        ("mixes.all.distinct", "<= 1.4"),
        ("mixes.all.distinct.rate", null),
        ("mixes.all.ratio", ">= 0.8"),
        ("mixes.attention.ratio", ">= 0.93"),
        ("prepare.rate", null),
        ("load.rate", ">= 80"),
        ("load.hidden", "<= 1.05"),
        ("traffic.few", null),
        ("traffic.many", null),
        ("traffic.ratio", ">= 0.95"),
        ("traffic.moved", null),
    ];

    [ModuleInitializer]
    internal static void Initialize() => CudaEmulator.Install();

    [Fact]
    public void Cuda_TinyShape_MeasuresEveryRow()
    {
        CudaEmulator.RequireEmulated();
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "benchmark.json");
        Assert.Equal(0, Program.Main(["cuda", "--shape", "tiny", "--json", file]));
        Assert.Empty(CudaEmulator.Findings());
        using var report = JsonDocument.Parse(File.ReadAllBytes(file));
        Assert.True(report.RootElement.GetProperty("emulated").GetBoolean());
        var rows = report.RootElement.GetProperty("rows").EnumerateArray().ToDictionary(row => row.GetProperty("key").GetString()!);
        foreach (var (key, bar) in Expected)
        {
            Assert.True(rows.TryGetValue(key, out var row), $"{key} is missing");
            Assert.Equal(bar, row.GetProperty("bar").GetString());
            Assert.NotEmpty(row.GetProperty("limit").GetString()!);

            // A figure of the emulator passes nothing and fails nothing.
            Assert.Equal(JsonValueKind.Null, row.GetProperty("passed").ValueKind);
        }

        Assert.All(rows.Values, row => Assert.True(double.IsFinite(row.GetProperty("figure").GetDouble())));

        // What was moved is bytes of whole pages: adapters were loaded, and more than once each, since not all of them fit.
        Assert.True(rows["traffic.moved"].GetProperty("figure").GetDouble() > 0);
        Assert.True(rows["traffic.many"].GetProperty("figure").GetDouble() > 0);
    }
}
