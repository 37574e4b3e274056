using Serving.Engine.Execution;
using Serving.Engine.Tests.Demo;
using Serving.Engine.Tests.Loading.Quantized;

namespace Serving.Engine.Tests.Running;

/// <summary>The whole engine on the bundled model as published schemes would keep it, adapters included: it starts, says what it became, and answers.</summary>
public sealed class QuantizedGenerationTests
{
    /// <summary>Of eight texts of a model all were the reference's word for word when it was measured; six have to be.</summary>
    [Theory]
    [InlineData("compressed-tensors FP8 channel BF16", "none", "compressed-tensors, FP8, one scale for an output")]
    [InlineData("GPTQ gptq int4 groups of 32", "int4", "GPTQ, 4-bit integers in groups of 32")]
    [InlineData("bitsandbytes nf4 nested 64", "none", "bitsandbytes, NF4")]
    public async Task Start_QuantizedCheckpoint_AnswersAsTheReference(string name, string quantization, string description)
    {
        using var folder = new QuantizedFolder(DemoWeights.WholeConfig, DemoWeights.WholeTensors, Schemes.Make(name)).WithTokenizer();
        await using var engine = RunningEngine.Start("auto", change: options => options with { Model = folder.Quantized, Quantization = quantization });
        Assert.Equal(description, engine.Client.Description.WeightScheme);
        Assert.Equal(quantization == "none" ? "bf16" : quantization, engine.Client.Description.Weights);
        foreach (var model in new[] { "base", "french" })
        {
            var cases = ReferenceCase.Of(model).Take(8).ToList();
            var answers = await Task.WhenAll(cases.Select(reference => engine.RunAsync(RunningEngine.Chat(model, reference.Messages))));
            var equal = cases.Zip(answers, (reference, answer) => reference.OutputText == answer[0].Text).Count(same => same);
            Assert.True(equal >= 6, $"{model}: {equal} of 8 texts equal the reference.");
        }
    }

    /// <summary>A GPU that reads integers is given by itself what the checkpoint has quantized: in four bits where these are kept, in eight otherwise, FP8 too. The plain embedding stays in bf16.</summary>
    [Theory]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "auto", true, "int4 with offsets and bf16")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "auto", false, "bf16")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "none", true, "bf16")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "int4", false, "int4 with offsets and int4")]
    [InlineData("GPTQ gptq int4 groups of 32", "auto", true, "int4 and bf16")]
    [InlineData("GPTQ gptq int8 rows", "auto", true, "int8 and bf16")]
    [InlineData("MXFP4 blocks of 32", "auto", true, "mxfp4 and bf16")]
    [InlineData("MXFP4 blocks of 32", "int8", false, "mxfp4 and int8")]
    [InlineData("GPTQ gptq int4 groups of 32 asymmetric ordered", "auto", true, "int8 and bf16")]
    [InlineData("GPTQ gptq int4 groups of 32 asymmetric ordered", "auto", false, "bf16")]
    [InlineData("compressed-tensors int4 groups of 16 BF16 ordered", "auto", true, "int8 and bf16")]
    [InlineData("compressed-tensors int8 rows F32 asymmetric plain", "auto", true, "int8 and bf16")]
    [InlineData("bitsandbytes nf4 nested 64", "auto", true, "int8 and bf16")]
    [InlineData("bitsandbytes nf4 nested 64", "none", true, "bf16")]
    [InlineData("FP8 qwen F32", "auto", true, "int8 and bf16")]
    [InlineData("FP8 qwen F32", "auto", false, "bf16")]
    [InlineData("FP8 qwen F32", "none", true, "bf16")]
    public void Open_ForAGpu_KeepsWhatTheCheckpointHasQuantized(string name, string quantization, bool readsIntegers, string weights)
    {
        using var folder = new QuantizedFolder(DemoWeights.WholeConfig, DemoWeights.WholeTensors, Schemes.Make(name)).WithTokenizer();
        Assert.Equal(weights, LoadedModel.Open(new EngineOptions { Model = folder.Quantized, Quantization = quantization }, isOnHost: false, readsIntegers).Formats);
    }

    /// <summary>MXFP4 stays what it is under either format of integers, and so do four bits under eight; rounding costs this small model answers, so that they are not compared.</summary>
    [Theory]
    [InlineData("MXFP4 blocks of 32", "none", "MXFP4, 4-bit floats in blocks of 32", "bf16")]
    [InlineData("MXFP4 blocks of 32", "int8", "MXFP4, 4-bit floats in blocks of 32", "mxfp4 and int8")]
    [InlineData("MXFP4 blocks of 32", "int4", "MXFP4, 4-bit floats in blocks of 32", "mxfp4 and int4")]
    [InlineData("GPTQ gptq int4 groups of 32", "int8", "GPTQ, 4-bit integers in groups of 32", "int4 and int8")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "auto", "AWQ, 4-bit integers in groups of 32", "int4 with offsets and int8")]
    public async Task Start_FourBitCheckpoint_SaysWhatIsKept(string name, string quantization, string description, string weights)
    {
        using var folder = new QuantizedFolder(DemoWeights.WholeConfig, DemoWeights.WholeTensors, Schemes.Make(name)).WithTokenizer();
        await using var engine = RunningEngine.Start("auto", change: options => options with { Model = folder.Quantized, Quantization = quantization });
        Assert.Equal(description, engine.Client.Description.WeightScheme);
        Assert.Equal(weights, engine.Client.Description.Weights);
        var reference = ReferenceCase.Of("base").First();
        Assert.NotEmpty((await engine.RunAsync(RunningEngine.Chat("base", reference.Messages)))[0].Text);
    }
}
