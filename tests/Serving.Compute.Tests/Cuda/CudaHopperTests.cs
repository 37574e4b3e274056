using Serving.Compute.Cuda;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>When the kernels for compute capability 9.0 stand in for others, and what happens where a driver does not take them.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaHopperTests
{
    private static readonly TestProgram Test = TestProgram.Create(new TestShape { HeadSize = 64 });

    /// <summary>Whether bits have to be the same, whether they are wanted, and which run.</summary>
    [Theory]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    [InlineData(true, true, false)]
    public void Prefill_OptionsAndDevice_ChooseTheKernel(bool deterministic, bool wanted, bool used)
    {
        CudaEmulator.RequireEmulated();
        using var backend = new CudaBackend(Test.Program, new CudaBackendOptions { Deterministic = deterministic, WarpgroupProducts = wanted });
        Assert.Equal((used, string.Empty), (backend.UsesWarpgroupProducts, backend.Note));
    }

    [Fact]
    public void Prefill_NoSuchModule_RunsTheOthers()
    {
        CudaEmulator.RequireEmulated();
        using var backend = new CudaBackend(Test.Program, new CudaBackendOptions { HopperImage = () => null });
        Assert.Equal((false, string.Empty), (backend.UsesWarpgroupProducts, backend.Note));
    }

    /// <summary>The backend says so and attends all the same.</summary>
    [Fact]
    public void Prefill_ModuleThatTheDriverRefuses_SaysSoAndRunsTheOthers()
    {
        CudaEmulator.RequireEmulated();
        var note = string.Empty;
        var factory = new BackendFactory("cuda", true, program =>
        {
            var backend = new CudaBackend(program, new CudaBackendOptions { HopperImage = () => "no module"u8.ToArray() });
            note = backend.Note;
            return backend;
        });
        using var session = new BackendSession(factory, Test);
        Assert.Contains("cuModuleLoadDataEx", note, StringComparison.Ordinal);
        Assert.False(((CudaBackend)session.Backend).UsesWarpgroupProducts);
        var sequence = new TestSequence(session, -1);
        sequence.AddChunk([.. Enumerable.Range(0, 40)], last: new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 });
        session.Execute();
        Assert.All(session.Logits(0), value => Assert.True(float.IsFinite(value)));
        Assert.Empty(CudaEmulator.Findings());
    }
}
