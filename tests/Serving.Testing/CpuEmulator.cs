using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Serving.Testing;

/// <summary>
/// The emulated instruction sets, beside the tests: makes them those of this process, where the processor lacks them. What it has runs on it, out of the library that is shipped.
/// </summary>
public static partial class CpuEmulator
{
    private const string Library = "serving_cpu_emulated";
    private const string Variable = "SERVING_CPU_LIBRARY";
    private const string ExtentVariable = "SERVING_TEST_EMULATED";
    private const int MaxText = 64 << 10;

    // By their numbers in serving_cpu.h.
    private static readonly string[] Names = ["avx2", "avx512", "avx512-bf16", "amx", "amx-emulated"];
    private static readonly string[] IntegerNames = ["auto", "avx2", "avx-vnni", "avx512-vnni"];

    /// <summary>SERVING_TEST_EMULATED=all: tests whose kernels others run emulated already do so too, which takes minutes.</summary>
    public static bool RunsEverything { get; } = Environment.GetEnvironmentVariable(ExtentVariable) == "all";

    /// <summary>Where the build puts it.</summary>
    public static string FilePath { get; } = Path.Combine(AppContext.BaseDirectory, $"lib{Library}.so");

    /// <summary>Puts it before the shipped library; called before anything of a test assembly runs. Without it nothing changes.</summary>
    public static void Install()
    {
        if (File.Exists(FilePath) && Environment.GetEnvironmentVariable(Variable) is null)
        {
            Environment.SetEnvironmentVariable(Variable, FilePath);
        }
    }

    /// <summary>Skips the calling test unless it was built; under CI that is a failure.</summary>
    public static void Require() => Repository.Requires(File.Exists(FilePath), "the emulated instruction sets were not built (they need cmake and a C++ compiler)");

    /// <summary>Whether an instruction set of the native backend, or what multiplies its integers, runs here by emulation alone.</summary>
    public static bool IsEmulated(string name) => File.Exists(FilePath) && (Has(Names, EmulatedSets(), name) || Has(IntegerNames, EmulatedIntegerSets(), name));

    /// <summary>The intrinsics in its table, a line each, in their order.</summary>
    public static unsafe IReadOnlyList<string> Intrinsics()
    {
        Require();
        var buffer = new byte[MaxText];
        fixed (byte* first = buffer)
        {
            Assert.InRange(Intrinsics(first, buffer.Length), 1, MaxText);
        }

        return Encoding.UTF8.GetString(buffer.AsSpan(0, buffer.AsSpan().IndexOf((byte)0))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Runs the intrinsic of a line, by emulation or on the hardware; false where the hardware lacks it.</summary>
    public static bool Run(int line, bool onHardware, ref IntrinsicOperands operands) => Run(line, onHardware ? 1 : 0, ref operands) != 0;

    /// <summary>C + A · B on tiles 0, 4 and 6, with rows <paramref name="stride"/> bytes apart; false where the hardware lacks tiles.</summary>
    public static bool TileProduct(bool onHardware, uint control, ReadOnlySpan<byte> config, ReadOnlySpan<byte> c, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> result, int stride) =>
        TileProduct(onHardware ? 1 : 0, control, config, c, a, b, result, stride) != 0;

    /// <summary>Why AMX's instructions would fault on three tiles of a configuration, or null.</summary>
    public static string? TileFault(ReadOnlySpan<byte> config, int c, int a, int b) => Marshal.PtrToStringUTF8(TileFaultText(config, c, a, b));

    private static bool Has(string[] names, uint sets, string name) => Array.IndexOf(names, name) is >= 0 and var number && (sets >> number & 1) != 0;

    [LibraryImport(Library, EntryPoint = "srv_cpu_emulated_sets")]
    private static partial uint EmulatedSets();

    [LibraryImport(Library, EntryPoint = "srv_cpu_emulated_integer_isas")]
    private static partial uint EmulatedIntegerSets();

    [LibraryImport(Library, EntryPoint = "srv_cpu_intrinsics")]
    private static unsafe partial int Intrinsics(byte* buffer, int bytes);

    [LibraryImport(Library, EntryPoint = "srv_cpu_intrinsic")]
    private static partial int Run(int line, int onHardware, ref IntrinsicOperands operands);

    [LibraryImport(Library, EntryPoint = "srv_cpu_tile_product")]
    private static partial int TileProduct(
        int onHardware, uint control, ReadOnlySpan<byte> config, ReadOnlySpan<byte> c, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> result, long stride);

    [LibraryImport(Library, EntryPoint = "srv_cpu_tile_fault")]
    private static partial nint TileFaultText(ReadOnlySpan<byte> config, int c, int a, int b);
}
