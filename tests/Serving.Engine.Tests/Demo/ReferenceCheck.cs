using Serving.Compute.Backends;
using Serving.Compute.Programs;

namespace Serving.Engine.Tests.Demo;

/// <summary>
/// The bundled model against its reference outputs, base and every adapter. A greedy text equals the reference exactly when the argmax does at every position of the
/// reference text, because a token's logits do not depend on how its context was computed (the invariance tests), so one pass per case shows all three bars.
/// </summary>
internal static class ReferenceCheck
{
    private const int EndOfText = 1;
    private const int EndOfTurn = 3;
    private const float ClearMargin = 0.25f;
    private const int AllowedDifferences = 2;

    /// <summary>Runs cases of every model and holds them to the references.</summary>
    /// <param name="backend">What messages call it.</param>
    /// <param name="create">Makes it.</param>
    /// <param name="logitBar">Largest difference of the first position's top-5 logits.</param>
    /// <param name="casesPerModel">Cases of each model, the first ones.</param>
    /// <param name="output">Takes how close it came.</param>
    public static void Run(string backend, Func<ModelProgram, IComputeBackend> create, float logitBar, int casesPerModel, ITestOutputHelper output)
    {
        using var runner = new DemoRunner(create);
        var worst = 0f;
        foreach (var model in ReferenceCase.Models)
        {
            var equalTexts = 0;
            var cases = ReferenceCase.Of(model).Take(casesPerModel).ToList();
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

    /// <summary>Runs all cases of every model on a backend whose matrices are rounded, which may answer otherwise.</summary>
    /// <param name="create">Makes it.</param>
    /// <param name="logitBar">Largest difference of the first position's top-5 logits.</param>
    /// <param name="texts">Texts of a model that equal the reference at least.</param>
    /// <param name="output">Takes how close it came.</param>
    public static void RunOnIntegers(Func<ModelProgram, IComputeBackend> create, float logitBar, int texts, ITestOutputHelper output)
    {
        using var runner = new DemoRunner(create);
        foreach (var model in ReferenceCase.Models)
        {
            var results = ReferenceCase.Of(model).Select(reference => Check(runner, model, reference, demandsClearOnes: false)).ToList();
            var (equal, worst) = (results.Count(result => result.EqualText), results.Max(result => result.Difference));
            output.WriteLine($"{model}: {equal} of {results.Count} texts equal, worst logit difference {worst:F4}");
            Assert.True(worst <= logitBar && equal >= texts, $"{model}: {equal} of {results.Count} texts equal, worst logit difference {worst}");
        }
    }

    private static (bool EqualText, float Difference) Check(DemoRunner runner, string model, ReferenceCase reference, bool demandsClearOnes = true)
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
            Assert.True(!demandsClearOnes || matches || reference.Margins[i] < ClearMargin, $"{model}: position {i} has a margin of {reference.Margins[i]} and another argmax: {reference.OutputText}");
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
