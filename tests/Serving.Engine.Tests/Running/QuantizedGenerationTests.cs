using Serving.Engine.Tests.Demo;
using Serving.Engine.Tests.Loading.Quantized;

namespace Serving.Engine.Tests.Running;

/// <summary>The whole engine on the bundled model as published schemes would keep it, adapters included: it starts, says what it became, and answers.</summary>
public sealed class QuantizedGenerationTests
{
    /// <summary>A scheme, the setting, and how many of ten texts have to be the reference's word for word: what was measured, less one.</summary>
    [Theory]
    [InlineData("compressed-tensors FP8 channel BF16", "none", "compressed-tensors, FP8, one scale for an output", 8)]
    [InlineData("GPTQ gptq int4 groups of 32", "none", "GPTQ, 4-bit integers in groups of 32", 7)]
    [InlineData("GPTQ gptq int4 groups of 32", "int4", "GPTQ, 4-bit integers in groups of 32", 7)]
    [InlineData("bitsandbytes nf4 nested 64", "none", "bitsandbytes, NF4", 7)]
    public async Task Start_QuantizedCheckpoint_AnswersAsTheReference(string name, string quantization, string description, int least)
    {
        using var folder = new QuantizedFolder(DemoWeights.WholeConfig, DemoWeights.WholeTensors, Schemes.Make(name)).WithTokenizer();
        await using var engine = RunningEngine.Start("auto", change: options => options with { Model = folder.Quantized, Quantization = quantization });
        Assert.Equal(description, engine.Client.Description.WeightScheme);
        Assert.Equal(quantization == "none" ? "bf16" : quantization, engine.Client.Description.Weights);
        foreach (var model in new[] { "base", "french" })
        {
            var cases = ReferenceCase.Of(model).Take(10).ToList();
            var answers = await Task.WhenAll(cases.Select(reference => engine.RunAsync(RunningEngine.Chat(model, reference.Messages))));
            var equal = cases.Zip(answers, (reference, answer) => reference.OutputText == answer[0].Text).Count(same => same);
            TestContext.Current.TestOutputHelper!.WriteLine($"{name} {quantization} {model}: {equal} of 10");
            Assert.True(equal >= least, $"{model}: {equal} of 10 texts equal the reference.");
        }
    }
}
