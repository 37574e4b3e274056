using System.Diagnostics;
using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.Benchmarks.Tests.GpuCheck;

/// <summary>The Python around the GPU's checks has tests of its own, which need neither a GPU nor .NET: limits, signals, reports of runs that were cut off.</summary>
public sealed partial class GpuCheckTests
{
    [Fact]
    public async Task Python_ItsOwnTests_Pass()
    {
        var folder = Repository.PathOf("tests", "Serving.Benchmarks.Tests", "GpuCheck");
        var python = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Select(path => Path.Combine(path, "python3")).FirstOrDefault(File.Exists);
        Repository.Requires(python is not null, "python3 is not installed");
        var start = new ProcessStartInfo(python!, ["-B", "-m", "unittest", "discover", "-s", folder, "-p", "*_test.py"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, errors + await output);
        Assert.True(int.Parse(TestCount().Match(errors).Groups[1].Value, null) > 0, errors);
    }

    [GeneratedRegex("Ran ([0-9]+) tests? in")]
    private static partial Regex TestCount();
}
