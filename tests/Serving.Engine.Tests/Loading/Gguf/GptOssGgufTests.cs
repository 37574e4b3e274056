using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>gpt-oss's GGUF files against the same models in Hugging Face's layout.</summary>
public sealed class GptOssGgufTests
{
    /// <summary>Configuration but for the experts' names, and every weight bit for bit, though files hold gate and up apart and the folder in turns.</summary>
    [Theory]
    [InlineData("F32", true)]
    [InlineData("BF16", true)]
    [InlineData("Q8_0", false)]
    [InlineData("MXFP4", true)]
    public void Load_GptOss_GivesTheWeightsOfTheFolder(string type, bool hasAttentionBias)
    {
        using var folder = new TemporaryFolder();
        var model = Make(hasAttentionBias);
        var path = Write(folder, model, type);
        model.Write(folder.Path);
        var (config, expected) = (GgufModel.Open(path).Config, ModelFolder.Open(folder.Path).Config);
        Assert.Equivalent(expected with { Mixture = expected.Mixture! with { Tensors = MixtureTensors.GptOssByExpert } }, config, strict: true);
        var (fromFile, fromFolder) = (ModelRegistry.Build("tiny", config, 64), ModelRegistry.Build("tiny", expected, 64));
        using var loaded = new RecordingBackend(fromFile);
        using var files = GgufWeights.Open(path);
        WeightLoader.Load(loaded, fromFile, files);
        using var original = new RecordingBackend(fromFolder);
        WeightLoader.Load(original, fromFolder, folder.Path);
        Assert.True(loaded.IsComplete);
        Assert.Equal(original.Values, loaded.Values);
    }

    [Fact]
    public void Run_Mxfp4_ComputesThePublishedModel()
    {
        using var folder = new TemporaryFolder();
        var model = Make(hasAttentionBias: true);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        using var runner = new ModelRunner(Write(folder, model, "MXFP4"), 48);
        runner.Append(tokens);
        var (expected, actual) = (new PlainDecoder(model).Logits(tokens), runner.Logits(39).ToArray());
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    /// <summary>Gate and up are tensors of their own in files; both in MXFP4, they stay in it, and give the bits that they give in eight.</summary>
    [Fact]
    public void Run_Mxfp4ThatIsKept_GivesTheLogitsOfEightBits()
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Make(hasAttentionBias: true), "MXFP4");
        using var files = GgufWeights.Open(path);
        var program = StoredFormats.Keep(ProgramQuantization.Apply(ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 48), WeightFormat.Int4), files);
        Assert.All(program.Weights.Where(weight => weight.Experts > 1 && weight.Kind == WeightKind.Matrix), weight => Assert.Equal(WeightFormat.Mxfp4, weight.Format));
        Assert.All(program.Weights.Where(weight => weight.Kind == WeightKind.Embedding), weight => Assert.Equal(WeightFormat.Int8, weight.Format));
        GptOssTests.AssertSameLogits(path, isa: null, hasOthers: false);
    }

    /// <summary>A file that does not stretch positions is not stretched by the family's usual factor.</summary>
    [Fact]
    public void Open_WithoutScalingOfPositions_HasNone()
    {
        using var folder = new TemporaryFolder();
        var model = Make(hasAttentionBias: true);
        model.Config.Remove("rope_scaling");
        Assert.IsType<DefaultRope>(GgufModel.Open(Write(folder, model, "F32")).Config.Rope.Scaling);
    }

    [Fact]
    public void Load_TensorsOfExpertsThatDoNotFit_AreNamed()
    {
        Refused(file => file.RemoveTensor("blk.1.attn_sinks.weight"), "no tensor 'blk.1.attn_sinks.weight'");
        Refused(file => file.RemoveTensor("blk.0.ffn_up_exps.bias"), "no tensor 'blk.0.ffn_up_exps.bias'");
        Refused(file => file.RemoveTensor("blk.0.ffn_up_exps.bias").Add("blk.0.ffn_up_exps.bias", 0, [6 * 64], new byte[4 * 6 * 64]), "has the dimensions [384], expected [64, 6]");
        Refused(file => file.Put("gpt-oss.attention.sliding_window_pattern", 3), "'gpt-oss.attention.sliding_window_pattern' is not supported");
    }

    private static void Refused(Action<GgufWriter> change, string message)
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Make(hasAttentionBias: true), "F32", change);
        var error = Assert.Throws<ModelFormatException>(() => new ModelRunner(path, 48));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    internal static TinyModel Make(bool hasAttentionBias)
    {
        var model = GptOssTests.Make(64, hasAttentionBias);
        model.ElementType = "F32";

        // What files do not say.
        model.Config["swiglu_limit"] = 7.0;
        return model;
    }

    internal static string Write(TemporaryFolder folder, TinyModel model, string type, Action<GgufWriter>? change = null)
    {
        var file = GgufConverter.Convert(model, GgmlEncoder.Of(type)).Put("gpt-oss.expert_feed_forward_length", (int)model.Config["intermediate_size"]!);
        change?.Invoke(file);
        File.WriteAllBytes(folder.PathOf("model.gguf"), file.ToArray());
        return folder.PathOf("model.gguf");
    }
}
