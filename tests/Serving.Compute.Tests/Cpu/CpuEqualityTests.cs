namespace Serving.Compute.Tests.Cpu;

/// <summary>Things that change no bit of an answer on the native backend.</summary>
public sealed class CpuEqualityTests
{
    /// <summary>Every instruction set; those that a machine lacks skip.</summary>
    public static TheoryData<string> InstructionSets => ["avx2", "avx512", "avx512-bf16", "amx", "amx-emulated"];

    /// <summary>Work is split over threads by rows and columns, never inside a sum.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_OneOrManyThreads_SameBits(string instructionSet)
    {
        var alone = CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 1));
        Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 2)));
        Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 5)));
    }

    /// <summary>What a page held before is never read: neither slots beyond the valid ones nor ranks that are padding.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_PagesThatHeldNaN_SameBits(string instructionSet)
    {
        var factory = CpuFactory.Of(instructionSet);
        Assert.Equal(CpuScenario.Run(factory), CpuScenario.Run(factory, poison: true));
    }

    /// <summary>Both are the same chains of fused multiply-adds, in vectors of other widths.</summary>
    [Fact]
    public void Execute_Avx2AndAvx512_SameBits() => Assert.Equal(CpuScenario.Run(CpuFactory.Of("avx2")), CpuScenario.Run(CpuFactory.Of("avx512")));

    /// <summary>The emulated tiles are the real ones, and FMAs in the tiles' order are both.</summary>
    [Fact]
    public void Execute_AmxAndEmulated_SameBits() => Assert.Equal(CpuScenario.Run(CpuFactory.Of("amx")), CpuScenario.Run(CpuFactory.Of("amx-emulated")));

    /// <summary>The tiles' order is another one than the plain chain, or the tests of it would show nothing.</summary>
    [Fact]
    public void Execute_EmulatedAmxAndAvx2_DifferentBits() => Assert.NotEqual(CpuScenario.Run(CpuFactory.Of("avx2")), CpuScenario.Run(CpuFactory.Of("amx-emulated")));
}
