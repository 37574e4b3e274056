using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Testing;

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

    /// <summary>
    /// The same with the base model rounded to integers, where answers of other words are no mistake: how many of the references' texts come out word for word, and how far the
    /// first position's logits move, are held to what was measured. This model has 5 million parameters; larger ones lose less.
    /// </summary>
    [Theory]
    [InlineData(WeightFormat.Int8, "managed", 0.4f, 35)]
    [InlineData(WeightFormat.Int8, "native", 0.4f, 35)]
    [InlineData(WeightFormat.Int4, "native", 2.5f, 30)]
    public void Run_ReferenceCasesOnIntegers_StaysNearTheReference(WeightFormat format, string backend, float logitBar, int texts)
    {
        var isa = CpuBackend.SupportedInstructionSets.Count == 0 ? "managed" : CpuBackendOptions.AutomaticInstructionSet;
        ReferenceCheck.RunOnIntegers(program => Create(backend == "managed" ? backend : isa, ProgramQuantization.Apply(program, format)), logitBar, texts, output);
    }

    /// <summary>The same with keys and values rounded to integers.</summary>
    [Theory]
    [InlineData("managed", 0.25f, 37)]
    [InlineData("native", 0.25f, 37)]
    public void Run_ReferenceCasesOnIntegerKeysAndValues_StaysNearTheReference(string backend, float logitBar, int texts)
    {
        var isa = CpuBackend.SupportedInstructionSets.Count == 0 ? "managed" : CpuBackendOptions.AutomaticInstructionSet;
        ReferenceCheck.RunOnIntegers(
            program => Create(backend == "managed" ? backend : isa, program with { Shape = program.Shape with { KeyValues = KeyValueFormat.Int8 } }), logitBar, texts, output);
    }

    // Emulated tiles compute hundreds of times slower than real ones, other emulated instructions several times.
    private static int CasesOn(string backend) => backend.Contains("emulated", StringComparison.Ordinal) || CpuEmulator.IsEmulated(backend) ? EmulatedCases : int.MaxValue;

    private static IComputeBackend Create(string backend, ModelProgram program) => backend switch
    {
        "managed exact" => new ManagedBackend(program, new ManagedBackendOptions { Exact = true }),
        "managed" => new ManagedBackend(program, new ManagedBackendOptions()),
        _ => new CpuBackend(program, new CpuBackendOptions { InstructionSet = backend }),
    };
}
