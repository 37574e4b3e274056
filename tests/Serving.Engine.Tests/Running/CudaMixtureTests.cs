using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Tests.Demo;
using Serving.Engine.Tests.Loading.Gguf;
using Serving.Engine.Tests.Loading.Quantized;
using Serving.Engine.Tests.Models;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>Mixtures of experts in quantized files on the emulated GPU: their integers are kept, and what is computed is the model of what they stand for.</summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaMixtureTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];

    /// <summary>gpt-oss with its experts in MXFP4, folder and file: the logits of the managed backend with the plain weights, as near as the roundings of bf16 are; a prompt, then a token.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_GptOssInMxfp4_ComputesTheModelOfItsCodes(bool file)
    {
        CudaEmulator.Require();
        using var folder = new TemporaryFolder();
        using var plain = new TemporaryFolder();
        var model = file ? GptOssGgufTests.Make(hasAttentionBias: true) : GptOssTests.Make(64);
        var path = folder.Path;
        if (file)
        {
            path = GptOssGgufTests.Write(folder, model, "MXFP4");
        }
        else
        {
            GptOssTests.WriteMxfp4(model, path);
        }

        model.Write(plain.Path);
        using var gpu = new ModelRunner(path, 48, onGpu: true);
        Assert.Contains(WeightFormat.Mxfp4, gpu.Formats);
        using var managed = new ModelRunner(plain.Path, 48, exact: false);
        foreach (var part in (int[][])[Tokens[..33], Tokens[33..34]])
        {
            gpu.Append(part);
            managed.Append(part);
            var (expected, actual) = (managed.Logits(part.Length - 1).ToArray(), gpu.Logits(part.Length - 1).ToArray());
            var tolerance = 0.03 * Math.Sqrt(expected.Average(logit => (double)logit * logit));
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>The bundled model's first layer as a mixture with a shared expert, quantized: the engine keeps its integers by itself, and gives the texts of a CPU that computes with what they stand for.</summary>
    [Fact]
    public async Task Chat_OnAQuantizedMixture_AnswersAsTheCpu()
    {
        CudaEmulator.Require();
        using var folder = new QuantizedFolder(MixtureOfDemo.Config, MixtureOfDemo.Tensors(), Schemes.Make("compressed-tensors int4 groups of 32 BF16")).WithTokenizer();
        var requests = ReferenceCase.Of("base").Take(3).Select(reference => RunningEngine.Chat("base", reference.Messages, 8)).ToList();
        var texts = new List<string[]>();
        foreach (var (device, quantization, weights) in new[] { ("cuda", "auto", "int4 and bf16"), ("auto", "none", "bf16") })
        {
            await using var engine = RunningEngine.Start(device, change: options => options with { Model = folder.Quantized, Quantization = quantization, AdaptersRoot = null, MaxSequences = 4, MaxBatchedTokens = 64 });
            Assert.Equal(weights, engine.Client.Description.Weights);
            texts.Add([.. (await Task.WhenAll(requests.Select(engine.RunAsync))).Select(answer => answer[0].Text)]);
        }

        Assert.All(texts[0], Assert.NotEmpty);
        Assert.Equal(texts[1], texts[0]);
        Assert.Empty(CudaEmulator.Findings());
    }
}
