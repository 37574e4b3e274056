using Serving.Compute.Cpu;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu;

/// <summary>What "auto" takes among the instruction sets of this machine.</summary>
public sealed class InstructionSetChoiceTests
{
    [Fact]
    public void Choose_Automatic_TakesOneThatRunsAndStaysWithIt()
    {
        CpuFactory.Require("avx2");
        var supported = CpuBackend.SupportedInstructionSets;
        var chosen = InstructionSets.Choose("auto", supported);
        var name = InstructionSets.Names[chosen];
        Assert.Contains(name, supported);
        Assert.NotEqual("amx-emulated", name);
        Assert.Equal(chosen, InstructionSets.Choose("auto", supported));
    }

    [Theory]
    [InlineData("avx512", "avx2")]
    [InlineData("amx", "avx512")]
    public void Choose_Automatic_DoesNotTakeTheNarrowerOne(string wide, string narrow)
    {
        CpuFactory.Require(wide);
        Repository.RequiresHardware(!CpuEmulator.IsEmulated(wide), $"this CPU lacks {wide}");
        Assert.NotEqual(narrow, InstructionSets.Names[InstructionSets.Choose("auto", CpuBackend.SupportedInstructionSets)]);
    }

    [Fact]
    public void Choose_NameThatDoesNotRun_IsNone()
    {
        Assert.Equal(-1, InstructionSets.Choose("avx512", ["avx2", "amx-emulated"]));
        Assert.Equal(-1, InstructionSets.Choose("auto", []));
        Assert.Equal(0, InstructionSets.Choose("avx2", ["avx2", "amx-emulated"]));
    }
}
