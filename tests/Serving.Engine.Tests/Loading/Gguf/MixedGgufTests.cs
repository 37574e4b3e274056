using Serving.Compute.Programs;
using Serving.Engine.Execution;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>What a GPU is given by itself of files whose matrices are of several types, as a Q4_K_M's are.</summary>
public sealed class MixedGgufTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Every type that is read: a matrix of it, and the table, which is of eight bits at least.</summary>
    [Theory]
    [InlineData(0, WeightFormat.BFloat16)]
    [InlineData(1, WeightFormat.BFloat16)]
    [InlineData(30, WeightFormat.BFloat16)]
    [InlineData(2, WeightFormat.Int4)]
    [InlineData(3, WeightFormat.Int4Asymmetric)]
    [InlineData(6, WeightFormat.Int8)]
    [InlineData(7, WeightFormat.Int8)]
    [InlineData(8, WeightFormat.Int8)]
    [InlineData(10, WeightFormat.Int8)]
    [InlineData(11, WeightFormat.Int8)]
    [InlineData(12, WeightFormat.Int4Asymmetric)]
    [InlineData(13, WeightFormat.Int8)]
    [InlineData(14, WeightFormat.Int8)]
    [InlineData(16, WeightFormat.Int8)]
    [InlineData(17, WeightFormat.Int8)]
    [InlineData(18, WeightFormat.Int8)]
    [InlineData(19, WeightFormat.Int8)]
    [InlineData(20, WeightFormat.Iq4)]
    [InlineData(21, WeightFormat.Int8)]
    [InlineData(22, WeightFormat.Int8)]
    [InlineData(23, WeightFormat.Iq4)]
    [InlineData(29, WeightFormat.Int8)]
    [InlineData(34, WeightFormat.Int4)]
    [InlineData(35, WeightFormat.Int4)]
    [InlineData(39, WeightFormat.Mxfp4)]
    public void KeepQuantized_OfEveryType_KeepsFourBitsOrTakesEight(int type, WeightFormat format)
    {
        var read = GgufType.Of((uint)type);
        var file = GgufConverter.ConvertDemo(GgmlEncoder.BF16);
        foreach (var (name, rows) in new[] { ("blk.0.attn_output.weight", 256), ("token_embd.weight", Vocabulary) })
        {
            file.RemoveTensor(name).Add(name, (uint)type, [256, rows], new byte[256 / read.BlockColumns * read.BlockBytes * rows]);
        }

        var program = Keep(file);
        Assert.Equal(format, FormatOf(program, "model.layers.0.self_attn.o_proj.weight"));
        Assert.Equal(format == WeightFormat.BFloat16 ? format : WeightFormat.Int8, FormatOf(program, "model.embed_tokens.weight"));
        Assert.Equal(WeightFormat.BFloat16, FormatOf(program, "model.layers.1.self_attn.o_proj.weight"));
    }

    /// <summary>A mixture of experts as Q4_K_M keeps them: of v and down half have more bits. Fused matrices become eight bits where a part is not of four, and stay in bf16 where a part is of floats.</summary>
    [Fact]
    public void KeepQuantized_MixedTypes_DecidesMatrixByMatrix()
    {
        var program = Keep(Mixture(out _));
        foreach (var (tensor, format) in new[]
        {
            ("model.layers.0.self_attn.q_proj.weight", WeightFormat.Int8), ("model.layers.1.self_attn.q_proj.weight", WeightFormat.BFloat16),
            ("model.layers.0.self_attn.o_proj.weight", WeightFormat.Int4Asymmetric), ("model.layers.1.self_attn.o_proj.weight", WeightFormat.BFloat16),
            ("model.embed_tokens.weight", WeightFormat.Int8), ("lm_head.weight", WeightFormat.Int8), ("model.layers.0.mlp.router.weight", WeightFormat.BFloat16),
        })
        {
            Assert.Equal((tensor, format), (tensor, FormatOf(program, tensor)));
        }

        WeightFormat[] experts = [.. program.Weights.Where(weight => weight is { Experts: > 1, Kind: WeightKind.Matrix }).Select(weight => weight.Format)];
        Assert.Equal([WeightFormat.Int4Asymmetric, WeightFormat.Int8, WeightFormat.Int4Asymmetric, WeightFormat.Int4Asymmetric], experts);
        Assert.All(program.Weights.Where(weight => weight.Kind == WeightKind.Vector), weight => Assert.Equal(WeightFormat.BFloat16, weight.Format));
    }

    /// <summary>What is said of it: bf16 only where a matrix is in it that could be of integers.</summary>
    [Theory]
    [InlineData("Q5_1", "auto", true, "int4 with offsets and int8")]
    [InlineData("BF16", "auto", true, "int4 with offsets, int8 and bf16")]
    [InlineData("Q5_1", "auto", false, "bf16")]
    [InlineData("Q5_1", "none", true, "bf16")]
    public void Open_MixedTypes_SaysWhatTheyBecame(string type, string quantization, bool readsIntegers, string weights)
    {
        var file = GgufConverter.ConvertDemo(name => GgmlEncoder.Of(name.Contains("v_proj", StringComparison.Ordinal) ? type : "Q4_1"));
        File.WriteAllBytes(_folder.PathOf("demo.gguf"), file.ToArray());
        Assert.Equal(weights, LoadedModel.Open(new EngineOptions { Model = _folder.PathOf("demo.gguf"), Quantization = quantization }, isOnHost: false, readsIntegers).Formats);
    }

    /// <summary>gpt-oss's layers, of two: v, down and the matrix of the logits partly in more bits than four, some matrices of floats. What chooses experts is quantized, too, and stays in bf16.</summary>
    /// <param name="model">What the file stands for.</param>
    internal static GgufWriter Mixture(out TinyModel model)
    {
        model = GptOssGgufTests.Make(hasAttentionBias: true);
        var width = (int)model.Config["intermediate_size"]!;
        return GgufConverter.Convert(model, name => GgmlEncoder.Of(name switch
        {
            "model.layers.0.self_attn.v_proj.weight" or "lm_head.weight" => "Q5_1",
            "model.layers.1.self_attn.v_proj.weight" => "BF16",
            "model.layers.1.self_attn.o_proj.weight" => "F16",
            _ => name.Contains("layers.0.mlp.experts.down", StringComparison.Ordinal) ? "Q5_1" : "Q4_1",
        })).Put("gpt-oss.expert_feed_forward_length", width);
    }

    private static int Vocabulary => (int)Quantized.DemoWeights.WholeConfig["vocab_size"]!;

    private static WeightFormat FormatOf(ModelProgram program, string tensor) => program.Weights.Single(weight => weight.Parts.Any(part => part.TensorName == tensor)).Format;

    private ModelProgram Keep(GgufWriter file)
    {
        var path = _folder.PathOf("model.gguf");
        File.WriteAllBytes(path, file.ToArray());
        using var files = GgufWeights.Open(path);
        return StoredFormats.KeepQuantized(ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 64), files);
    }
}
