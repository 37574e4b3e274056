using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Cuda;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Testing;

namespace Serving.Engine.Tests.Demo;

/// <summary>
/// The bundled model against its reference outputs, base and every adapter, on every backend that this machine has. A greedy text equals the reference
/// exactly when the argmax does at every position of the reference text, because a token's logits do not depend on how its context was computed
/// (the invariance tests), so one pass per case shows all three bars.
/// </summary>
public sealed class ReferenceTests(ITestOutputHelper output)
{
    private const int EndOfText = 1;
    private const int EndOfTurn = 3;
    private const float ClearMargin = 0.25f;
    private const int AllowedDifferences = 2;
    private const int EmulatedCases = 5;

    /// <summary>Backend names with the bar for the first position's top-5 logits.</summary>
    public static TheoryData<string, float> Backends()
    {
        var data = new TheoryData<string, float> { { "managed exact", 0.02f }, { "managed", 0.12f } };
        foreach (var isa in CpuBackend.SupportedInstructionSets)
        {
            data.Add(isa, 0.12f);
        }

        data.Add("cuda emulated", 0.12f);
        return data;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Run_ReferenceCases_MatchesTheReference(string backend, float logitBar)
    {
        using var runner = new DemoRunner(program => Create(backend, program));
        var worst = 0f;
        foreach (var model in ReferenceCase.Models)
        {
            var equalTexts = 0;
            var cases = ReferenceCase.Of(model).Take(CasesOn(backend)).ToList();
            foreach (var reference in cases)
            {
                var (argmax, difference) = Check(runner, model, reference);
                worst = Math.Max(worst, difference);
                Assert.True(difference <= logitBar, $"{backend}, {model}: a top-5 logit is off by {difference}: {reference.OutputText}");
                equalTexts += argmax ? 1 : 0;
            }

            Assert.True(equalTexts >= cases.Count - AllowedDifferences, $"{backend}, {model}: {equalTexts} of {cases.Count} greedy texts equal the reference.");
            output.WriteLine($"{backend}, {model}: {equalTexts} of {cases.Count} texts equal, worst logit difference so far {worst:F4}");
        }
    }

    // Emulated tiles and emulated GPUs compute hundreds of times slower than real ones.
    private static int CasesOn(string backend) => backend.Contains("emulated", StringComparison.Ordinal) ? EmulatedCases : int.MaxValue;

    private static IComputeBackend Create(string backend, ModelProgram program) => backend switch
    {
        "managed exact" => new ManagedBackend(program, new ManagedBackendOptions { Exact = true }),
        "managed" => new ManagedBackend(program, new ManagedBackendOptions()),
        "cuda emulated" => Cuda(program),
        _ => new CpuBackend(program, new CpuBackendOptions { InstructionSet = backend }),
    };

    private static CudaBackend Cuda(ModelProgram program)
    {
        CudaEmulator.Require();
        return new CudaBackend(program, new CudaBackendOptions());
    }

    private static (bool EqualText, float Difference) Check(DemoRunner runner, string model, ReferenceCase reference)
    {
        int[] tokens = [.. reference.PromptIds, .. reference.OutputIds];
        var outputs = reference.OutputIds.Length + (reference.Stopped ? 1 : 0);
        if (!reference.Stopped)
        {
            tokens = tokens[..^1];
        }

        var (argmax, logits) = runner.Run(model, tokens, outputs);
        var equal = true;
        for (var i = 0; i < outputs; i++)
        {
            var matches = i < reference.OutputIds.Length ? argmax[i] == reference.OutputIds[i] : argmax[i] is EndOfText or EndOfTurn;
            equal &= matches;
            Assert.True(matches || reference.Margins[i] < ClearMargin, $"{model}: position {i} has a margin of {reference.Margins[i]} and another argmax: {reference.OutputText}");
        }

        return (equal, TopDifference(logits.Span[..runner.VocabularySize], reference));
    }

    // Logits are compared as differences to the first of the five, which a constant shift leaves alone.
    private static float TopDifference(ReadOnlySpan<float> logits, ReferenceCase reference)
    {
        var worst = 0f;
        for (var i = 1; i < reference.Top5Ids.Length; i++)
        {
            var expected = reference.Top5Logits[i] - reference.Top5Logits[0];
            var actual = logits[reference.Top5Ids[i]] - logits[reference.Top5Ids[0]];
            worst = Math.Max(worst, Math.Abs(expected - actual));
        }

        return worst;
    }
}
