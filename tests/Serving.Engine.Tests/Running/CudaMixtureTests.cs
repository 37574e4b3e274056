using Serving.Compute.Cuda;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Engine.Tests.Demo;
using Serving.Engine.Tests.Loading.Gguf;
using Serving.Engine.Tests.Loading.Quantized;
using Serving.Engine.Tests.Models;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>Mixtures of experts in quantized files on the emulated GPU: their integers are kept, and what is computed is the model of what they stand for.</summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaMixtureTests(ITestOutputHelper output)
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

    /// <summary>A file of several types, as a Q4_K_M is one: experts of four bits with offsets, some of eight that were of five; the logits of what its codes stand for, as near as a second rounding leaves them.</summary>
    [Fact]
    public void Run_FileOfMixedTypes_ComputesTheModelOfItsCodes()
    {
        CudaEmulator.Require();
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("model.gguf"), MixedGgufTests.Mixture(out var model).ToArray());
        model.Write(folder.Path);
        using var gpu = new ModelRunner(folder.PathOf("model.gguf"), 48, onGpu: true);
        Assert.Equal([WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Int4Asymmetric], gpu.Formats.Distinct().Order());
        using var managed = new ModelRunner(folder.Path, 48, exact: false);
        foreach (var part in (int[][])[Tokens[..33], Tokens[33..34]])
        {
            gpu.Append(part);
            managed.Append(part);
            var (expected, actual) = (managed.Logits(part.Length - 1).ToArray(), gpu.Logits(part.Length - 1).ToArray());
            var (scale, error) = (Math.Sqrt(expected.Average(logit => (double)logit * logit)), Math.Sqrt(expected.Zip(actual).Average(pair => Math.Pow(pair.First - pair.Second, 2))));
            output.WriteLine($"{error / scale:0.0000}");
            Assert.InRange(error / scale, 0, 0.012);
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>The memory plan counts what the matrices became.</summary>
    [Fact]
    public void Plan_FileOfMixedTypes_CountsIntegers()
    {
        CudaEmulator.Require();
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("model.gguf");
        File.WriteAllBytes(path, MixedGgufTests.Mixture(out _).ToArray());
        using var files = GgufWeights.Open(path);
        var plain = ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 48);
        var kept = StoredFormats.KeepQuantized(plain, files);
        var (of16Bits, asKept) = (WeightBytesOf(plain), WeightBytesOf(kept));
        var saved = kept.Weights.Sum(weight => (long)weight.Rows * weight.Columns * (weight.Format switch { WeightFormat.Int8 => 60, WeightFormat.Int4Asymmetric => 88, _ => 0 })) / 64;
        Assert.InRange(of16Bits - asKept, saved * 0.95, saved * 1.05);

        static long WeightBytesOf(ModelProgram program)
        {
            using var backend = new CudaBackend(program, new CudaBackendOptions());
            return MemoryPlan.Create(backend, program, new MemoryLimit(1L << 34, 1L << 34, "test"), null, 0, 0, 0).WeightBytes;
        }
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
