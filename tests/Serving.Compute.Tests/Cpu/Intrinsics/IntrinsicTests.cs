using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>Every emulated intrinsic against its definition, and against the instruction where this processor has it.</summary>
public sealed partial class IntrinsicTests
{
    private const int Cases = 1000;

    // Those that give whatever stands in the upper half.
    private const string HalfDefined = "_mm512_castsi256_si512";

    /// <summary>A test for each definition.</summary>
    public static TheoryData<string> Names => [.. Definitions.ByName.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Emulated_GivesWhatTheDefinitionSays(string name)
    {
        CpuEmulator.Require();
        var lines = LinesOf(name);
        Assert.NotEmpty(lines);
        foreach (var (line, immediate) in lines)
        {
            foreach (var (at, operands) in Inputs.Many(Cases, seed: line).Index())
            {
                var (expected, actual) = (operands, operands);
                Definitions.ByName[name](ref expected, immediate);
                Assert.True(CpuEmulator.Run(line, onHardware: false, ref actual));
                AssertSame(name, $"{name} {immediate}, case {at}", operands, expected, actual);
            }
        }
    }

    /// <summary>What the emulation gives is what the processor gives, bit for bit but for what a NaN carries.</summary>
    [Fact]
    public void Emulated_GivesWhatTheHardwareGives()
    {
        CpuEmulator.Require();
        var compared = 0;
        foreach (var (line, text) in CpuEmulator.Intrinsics().Index().Where(line => Definitions.ByName.ContainsKey(line.Item.Split(' ')[0])))
        {
            foreach (var (at, operands) in Inputs.Many(Cases, seed: line).Index())
            {
                var (real, emulated) = (operands, operands);
                if (!CpuEmulator.Run(line, onHardware: true, ref real))
                {
                    break;
                }

                CpuEmulator.Run(line, onHardware: false, ref emulated);
                AssertSame(text.Split(' ')[0], $"{text}, case {at}", operands, real, emulated);
                compared++;
            }
        }

        Repository.RequiresHardware(compared > 0, "this CPU has none of the emulated instructions");
    }

    [Fact]
    public void EveryIntrinsicOfTheKernels_IsInTheTable()
    {
        CpuEmulator.Require();
        var table = CpuEmulator.Intrinsics().Select(line => line.Split(' ')[0]).ToHashSet();
        var used = Directory.GetFiles(Path.Combine(Repository.Root, "native", "cpu"), "*", SearchOption.AllDirectories)
            .SelectMany(file => Emulated().Matches(File.ReadAllText(file)).Select(match => match.Value)).ToHashSet();
        Assert.True(used.Count > 40, $"only {used.Count} intrinsics were found: have the kernels another shape now?");
        Assert.All(used, name => Assert.Contains(name, table));
        Assert.All(table, name => Assert.True(Definitions.ByName.ContainsKey(name) || MemoryIntrinsicTests.Names.Contains(name), $"{name} has no definition"));
    }

    /// <summary>The lines of the table that have a name, with their immediates.</summary>
    internal static List<(int Line, int Immediate)> LinesOf(string name) =>
        [.. CpuEmulator.Intrinsics().Select((text, line) => (Parts: text.Split(' '), line)).Where(one => one.Parts[0] == name).Select(one => (one.line, one.Parts.Length > 1 ? int.Parse(one.Parts[1]) : 0))];

    private static void AssertSame(string name, string what, in IntrinsicOperands operands, in IntrinsicOperands expected, in IntrinsicOperands actual)
    {
        if (expected.Mask != actual.Mask)
        {
            Assert.Fail($"{what}: mask {actual.Mask:X4}, not {expected.Mask:X4}");
        }

        for (var i = 0; i < (name == HalfDefined ? 8 : 16); i++)
        {
            if (!Same(name, expected.Result[i], actual.Result[i]))
            {
                Assert.Fail($"{what}, lane {i}: {actual.Result[i]:X8}, not {expected.Result[i]:X8} of {operands.A[i]:X8}, {operands.B[i]:X8}, {operands.C[i]:X8}, MXCSR {operands.Control:X}");
            }
        }
    }

    // Which NaN comes out of several is for the compiler to choose, as it orders operands. Quiet it is. MAXPS, MINPS and what only moves bits give them as they are.
    private static bool Same(string name, uint expected, uint actual) =>
        expected == actual || (Computing().IsMatch(name) && float.IsNaN(Definitions.Single(expected)) && (actual & 0x7FC00000) == 0x7FC00000);

    [GeneratedRegex(@"_mm512_\w+|_mm256_dpbusd\w*|_mm256_dpbf16\w*|_mm(256)?_maskz?_\w+")]
    private static partial Regex Emulated();

    [GeneratedRegex("add_ps|sub_ps|mul_ps|div_ps|fmadd_ps|roundscale_ps|dpbf16_ps")]
    private static partial Regex Computing();
}
