using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Serving.Testing;

/// <summary>The emulated CUDA driver, beside the tests: makes it the driver of this process, and asks it what it found.</summary>
public static partial class CudaEmulator
{
    private const string Library = "serving_cuda_emulator";
    private const string Variable = "SERVING_CUDA_DRIVER";
    private const int MaxText = 64 << 10;
    private static string? _collection;

    /// <summary>The tests run on this machine's GPU instead, as gpu-check lets them.</summary>
    public static bool UsesGpu { get; } = Environment.GetEnvironmentVariable("SERVING_TEST_GPU") == "1";

    /// <summary>Where the build puts it.</summary>
    public static string FilePath { get; } = Path.Combine(AppContext.BaseDirectory, $"lib{Library}.so");

    /// <summary>Puts it in the driver's place; called before anything of a test assembly runs. Without it nothing changes.</summary>
    public static void Install()
    {
        if (!UsesGpu && File.Exists(FilePath))
        {
            Environment.SetEnvironmentVariable(Variable, FilePath);
        }
    }

    /// <summary>Skips the calling test unless the emulator was built, or a GPU takes its place; under CI that is a failure.</summary>
    public static void Require()
    {
        if (!UsesGpu)
        {
            RequireBuilt();
            RequireAlone();
        }
    }

    /// <summary>Skips the calling test on a real GPU too: no failure can be planted in one.</summary>
    public static void RequireEmulated()
    {
        RequireInProcessOfItsOwn();
        RequireAlone();
    }

    /// <summary>As <see cref="RequireEmulated"/>, for a test whose emulator runs in another process.</summary>
    public static void RequireInProcessOfItsOwn()
    {
        Repository.RequiresHardware(!UsesGpu, "this test is for the emulated driver");
        RequireBuilt();
    }

    /// <summary>Fails the calling test when tests that may run beside it use the same devices: a planted failure, a finding, a reset is for all of them.</summary>
    private static void RequireAlone()
    {
        if (TestContext.Current.TestCollection?.TestCollectionDisplayName is { } collection)
        {
            var first = Interlocked.CompareExchange(ref _collection, collection, null) ?? collection;
            Assert.True(first == collection, $"'{collection}' and '{first}' both use the emulated GPUs: their tests must be in one collection, or they run beside each other.");
        }
    }

    private static unsafe string Read(Func<nint, int, int> write)
    {
        if (UsesGpu || !File.Exists(FilePath))
        {
            return string.Empty;
        }

        var buffer = new byte[MaxText];
        fixed (byte* first = buffer)
        {
            write((nint)first, buffer.Length);
        }

        return Encoding.UTF8.GetString(buffer.AsSpan(0, buffer.AsSpan().IndexOf((byte)0)));
    }

    private static void RequireBuilt() => Repository.Requires(File.Exists(FilePath), "the CUDA emulator was not built (it needs cmake and a C++ compiler)");

    /// <summary>What its checks found on all devices, a line each; empty when nothing.</summary>
    public static unsafe string Findings() => Read((buffer, bytes) => Findings(-1, (byte*)buffer, bytes));

    /// <summary>The names of all kernels in it, those with planted mistakes (kernel~mistake) among them; empty where it was not built.</summary>
    public static unsafe IReadOnlyList<string> Kernels() => Read((buffer, bytes) => Kernels((byte*)buffer, bytes)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Makes a device what it was at the start: no memory, no error, no findings.</summary>
    [LibraryImport(Library, EntryPoint = "srv_emulator_reset")]
    public static partial void Reset(int device);

    /// <summary>Makes the operation after <paramref name="operations"/> others on a device fail with a CUresult, which then stays.</summary>
    [LibraryImport(Library, EntryPoint = "srv_emulator_fail_after")]
    public static partial void FailAfter(int device, ulong operations, int result);

    /// <summary>
    /// Has the call after <paramref name="calls"/> others that take something of a device refused with a CUresult: it does nothing, and the device goes on. Tells whether an earlier order
    /// was still waiting for its call; with <paramref name="result"/> 0 that is all.
    /// </summary>
    public static bool RefuseAfter(int device, ulong calls, int result) => OrderRefusal(device, calls, result) > 0;

    /// <summary>What nobody has given back on any device, a line each; empty when nothing.</summary>
    public static unsafe string Held() => Read((buffer, bytes) => Held((byte*)buffer, bytes));

    [LibraryImport(Library, EntryPoint = "srv_emulator_refuse_after")]
    private static partial int OrderRefusal(int device, ulong calls, int result);

    [LibraryImport(Library, EntryPoint = "srv_emulator_held")]
    private static unsafe partial int Held(byte* buffer, int bytes);

    [LibraryImport(Library, EntryPoint = "srv_emulator_findings")]
    private static unsafe partial int Findings(int device, byte* buffer, int bytes);

    [LibraryImport(Library, EntryPoint = "srv_emulator_kernels")]
    private static unsafe partial int Kernels(byte* buffer, int bytes);
}
