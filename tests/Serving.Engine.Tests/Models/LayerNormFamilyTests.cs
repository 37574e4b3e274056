using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Families whose norms are LayerNorms, against the published models written down plainly.</summary>
public class LayerNormFamilyTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 20).Select(i => (i * 37 % 127) + 1)];

    [Theory]
    [InlineData("CohereForCausalLM", false, false, true)]
    [InlineData("CohereForCausalLM", true, false, false)]
    [InlineData("Cohere2ForCausalLM", false, false, true)]
    [InlineData("Starcoder2ForCausalLM", false, false, true)]
    [InlineData("StableLmForCausalLM", false, false, false)]
    [InlineData("StableLmForCausalLM", true, true, false)]
    [InlineData("PhiForCausalLM", false, false, false)]
    [InlineData("NemotronForCausalLM", false, false, false)]
    public void Program_OfTheFamily_ComputesThePublishedModel(string architecture, bool normsHeads, bool isShared, bool tied)
    {
        var model = Make(architecture, normsHeads, isShared, tied);
        AssertGives(new PlainDecoder(model).Logits(Tokens), model);
    }

    [Fact]
    public void Program_OfApertus_ComputesThePublishedModel()
    {
        var model = new TinyModel("LlamaForCausalLM", seed: 33);
        model.MakeXIelu();
        var expected = new PlainDecoder(model).Logits(Tokens);
        model.NameApertus();
        AssertGives(expected, model);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1000.0)]
    public void Program_OfHunyuan_ComputesThePublishedModel(double alpha)
    {
        var model = new TinyModel("LlamaForCausalLM", seed: 34);
        model.AddHeadNorms();
        model.Config["rope_theta"] = 10_000 * Math.Pow(alpha, 16.0 / 14);
        var expected = new PlainDecoder(model) { NormsTurned = true }.Logits(Tokens);
        model.Config["rope_theta"] = 10_000.0;
        model.NameHunyuan(alpha);
        AssertGives(expected, model);
    }

    [Theory]
    [InlineData("qk_norm", "false")]
    [InlineData("hidden_act", "\"silu\"")]
    [InlineData("post_norm", "true")]
    [InlineData("mlp_bias", "true")]
    public void Config_OfApertusThatIsNotDone_NamesTheKey(string key, string value)
    {
        var model = new TinyModel("LlamaForCausalLM");
        model.MakeXIelu();
        model.NameApertus();
        model.Config[key] = JsonNode.Parse(value);
        Assert.Contains(key, Assert.Throws<ModelFormatException>(() => Parse(model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("use_cla", "true", "use_cla")]
    [InlineData("use_qk_norm", "false", "use_qk_norm")]
    [InlineData("num_experts", "16", "num_experts")]
    [InlineData("rope_scaling", "{\"type\":\"dynamic\",\"alpha\":1000,\"factor\":2}", "alpha")]
    [InlineData("rope_scaling", "{\"type\":\"linear\",\"alpha\":1000}", "alpha")]
    [InlineData("rope_scaling", "{\"type\":\"dynamic\",\"alpha\":0.5}", "alpha")]
    public void Config_OfHunyuanThatIsNotDone_NamesTheKey(string key, string value, string named)
    {
        var model = new TinyModel("LlamaForCausalLM");
        model.AddHeadNorms();
        model.NameHunyuan(50);
        model.Config[key] = JsonNode.Parse(value);
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Parse(model)).Message, StringComparison.Ordinal);
    }

    /// <summary>A window of all layers.</summary>
    [Fact]
    public void Program_OfStarCoder2WithAWindow_ComputesThePublishedModel()
    {
        var model = Make("Starcoder2ForCausalLM", tied: true);
        model.Config["sliding_window"] = 5;
        AssertGives(new PlainDecoder(model).Logits(Tokens), model);
    }

    /// <summary>The file names what memory was set aside for in training, and beside it what the model was made for.</summary>
    [Fact]
    public void Config_OfCommandR_HasTheLengthThatItWasMadeFor()
    {
        var model = Make("CohereForCausalLM");
        model.Config["model_max_length"] = 131_072;
        Assert.Equal(131_072, Parse(model).MaxPositions);
    }

    /// <summary>What files leave out: every fourth layer without a window, which does not rotate, tied embeddings and a factor of the logits.</summary>
    [Fact]
    public void Config_OfCommandR7B_HasTheFamilysDefaults()
    {
        var model = Make("Cohere2ForCausalLM");
        foreach (var key in new[] { "sliding_window_pattern", "tie_word_embeddings", "logit_scale" })
        {
            model.Config.Remove(key);
        }

        model.Config["num_hidden_layers"] = 5;
        var config = Parse(model);
        Assert.Equal([7, 7, 7, 0, 7], config.Windows);
        Assert.Equal([3], config.UnrotatedLayers);
        Assert.Equal((true, 0.0625f), (config.TiedEmbeddings, config.LogitScale));
    }

    /// <summary>One norm for attention and MLP: a layer has four Linears, one norm and two additions to the residual stream.</summary>
    [Fact]
    public void Build_WithOneNormForBoth_ReadsItTwice()
    {
        var ops = ModelRegistry.Build("tiny", Parse(Make("PhiForCausalLM")), 64).Ops;
        Assert.Equal(TinyModel.Layers + 1, ops.OfType<LayerNormOp>().Count());
        Assert.Equal(2 * TinyModel.Layers, ops.OfType<LinearOp>().Count(op => op.Mode == LinearOutput.Accumulate));
        Assert.Empty(ops.OfType<GateMulOp>());
    }

    [Theory]
    [InlineData("CohereForCausalLM", "logit_scale", "0")]
    [InlineData("CohereForCausalLM", "use_qk_norm", "1")]
    [InlineData("CohereForCausalLM", "layer_norm_eps", "\"small\"")]
    [InlineData("Cohere2ForCausalLM", "use_qk_norm", "true")]
    [InlineData("Cohere2ForCausalLM", "position_embedding_type", "\"alibi\"")]
    [InlineData("Cohere2ForCausalLM", "use_parallel_block", "false")]
    [InlineData("Cohere2ForCausalLM", "use_gated_activation", "false")]
    [InlineData("Cohere2ForCausalLM", "rotary_pct", "0.5")]
    [InlineData("Cohere2ForCausalLM", "num_experts", "8")]
    [InlineData("Starcoder2ForCausalLM", "norm_type", "\"rms_norm\"")]
    [InlineData("Starcoder2ForCausalLM", "mlp_type", "\"gated\"")]
    [InlineData("Starcoder2ForCausalLM", "hidden_act", "\"gelu\"")]
    [InlineData("StableLmForCausalLM", "hidden_act", "\"gelu\"")]
    [InlineData("StableLmForCausalLM", "partial_rotary_factor", "0.05")]
    [InlineData("PhiForCausalLM", "qk_layernorm", "true")]
    [InlineData("PhiForCausalLM", "hidden_act", "\"silu\"")]
    [InlineData("NemotronForCausalLM", "hidden_act", "\"silu\"")]
    [InlineData("NemotronForCausalLM", "norm_eps", "0")]
    public void Config_ThatIsNotDone_NamesTheKey(string architecture, string key, string value)
    {
        var model = Make(architecture);
        model.Config[key] = JsonNode.Parse(value);
        Assert.Contains(key, Assert.Throws<ModelFormatException>(() => Parse(model)).Message, StringComparison.Ordinal);
    }

    internal static TinyModel Make(string architecture, bool normsHeads = false, bool isShared = false, bool tied = false)
    {
        var model = new TinyModel(architecture, seed: 31) { Config = { ["tie_word_embeddings"] = tied } };
        model.MakeCentred(normsHeads, isShared);
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        return model;
    }

    private static ModelConfig Parse(TinyModel model) => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));

    private static void AssertGives(double[] expected, TinyModel model)
    {
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 30);
        runner.Append(Tokens);
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        Assert.All(expected.Zip(runner.Logits(Tokens.Length - 1).ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
