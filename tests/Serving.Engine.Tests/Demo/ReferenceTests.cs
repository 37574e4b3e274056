using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Programs;

namespace Serving.Engine.Tests.Demo;

/// <summary>The bundled model against its reference outputs on every CPU backend that this machine has.</summary>
public sealed class ReferenceTests(ITestOutputHelper output)
{
    private const int EmulatedCases = 5;

    /// <summary>Backend names with the bar for the first position's top-5 logits.</summary>
    public static TheoryData<string, float> Backends()
    {
        var data = new TheoryData<string, float> { { "managed exact", 0.02f }, { "managed", 0.12f } };
        foreach (var isa in CpuBackend.SupportedInstructionSets)
        {
            data.Add(isa, 0.12f);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Run_ReferenceCases_MatchesTheReference(string backend, float logitBar) =>
        ReferenceCheck.Run(backend, program => Create(backend, program), logitBar, CasesOn(backend), output);

    // Emulated tiles compute hundreds of times slower than real ones.
    private static int CasesOn(string backend) => backend.Contains("emulated", StringComparison.Ordinal) ? EmulatedCases : int.MaxValue;

    private static IComputeBackend Create(string backend, ModelProgram program) => backend switch
    {
        "managed exact" => new ManagedBackend(program, new ManagedBackendOptions { Exact = true }),
        "managed" => new ManagedBackend(program, new ManagedBackendOptions()),
        _ => new CpuBackend(program, new CpuBackendOptions { InstructionSet = backend }),
    };
}
