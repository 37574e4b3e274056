using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Every family, loaded from files and run, against the same model written down plainly.</summary>
public class FamilyTests
{
    public static TheoryData<string, bool, bool> Variants => new(
        from architecture in new[] { "LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM" }
        from tied in new[] { false, true }
        from biased in new[] { false, true }
        where !biased || architecture is "LlamaForCausalLM" or "Qwen3ForCausalLM"
        select (architecture, tied, biased));

    [Theory]
    [MemberData(nameof(Variants))]
    public void Program_OfEveryFamily_ComputesThePublishedModel(string architecture, bool tied, bool biased)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture, tied, biased);
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        var plain = new PlainDecoder(model);
        runner.Append(tokens[..33]);
        Compare(plain.Logits(tokens[..33]), runner.Logits(32));
        runner.Append(tokens[33..]);
        Compare(plain.Logits(tokens), runner.Logits(6));
    }

    /// <summary>The decoder of a checkpoint that sees images, too, in both spellings of its tensors' names, with tensors of the parts that are not served.</summary>
    [Theory]
    [InlineData("language_model.model.", "vision_tower.")]
    [InlineData("model.language_model.", "model.vision_tower.")]
    public void Program_OfADecoderThatIsAPart_ComputesTheDecoder(string prefix, string vision)
    {
        var model = Make("Gemma3ForCausalLM", tied: true, biased: false);
        int[] tokens = [.. Enumerable.Range(0, 20).Select(i => (i * 37 % 127) + 1)];
        var expected = new PlainDecoder(model).Logits(tokens);
        model.MakePart(prefix, vision);
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        runner.Append(tokens);
        Compare(expected, runner.Logits(19));
    }

    /// <summary>A decoder that was saved without its output projection, as models for embeddings are: its tensors' names do not begin with the decoder's.</summary>
    [Fact]
    public void Program_OfADecoderSavedAlone_ComputesThePublishedModel()
    {
        var model = Make("Qwen3ForCausalLM", tied: true, biased: false);
        int[] tokens = [.. Enumerable.Range(0, 20).Select(i => (i * 37 % 127) + 1)];
        var expected = new PlainDecoder(model).Logits(tokens);
        foreach (var name in model.Tensors.Keys.ToList())
        {
            model.Tensors.Remove(name, out var tensor);
            model.Tensors[name["model.".Length..]] = tensor;
        }

        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        runner.Append(tokens);
        Compare(expected, runner.Logits(19));
    }

    /// <summary>Whole and partial rotation, each without stretching and with LongRoPE below and beyond its original length.</summary>
    [Theory]
    [InlineData(1.0, 0)]
    [InlineData(0.75, 0)]
    [InlineData(0.25, 0)]
    [InlineData(1.0, 32)]
    [InlineData(0.75, 32)]
    [InlineData(0.75, 64)]
    public void Program_OfPhi3_ComputesThePublishedModel(double rotatedShare, int originalLength)
    {
        using var folder = new TemporaryFolder();
        var model = Phi3(rotatedShare, originalLength);
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    /// <summary>Windows of all layers, and of those behind the first ones.</summary>
    [Theory]
    [InlineData("MistralForCausalLM")]
    [InlineData("Phi3ForCausalLM")]
    [InlineData("Qwen2ForCausalLM")]
    public void Program_WithAWindow_ComputesThePublishedModel(string architecture)
    {
        using var folder = new TemporaryFolder();
        var model = architecture == "Phi3ForCausalLM" ? Phi3(1, 0) : Make(architecture, tied: false, biased: false);
        model.Config["sliding_window"] = 5;
        model.Config["use_sliding_window"] = true;
        model.Config["max_window_layers"] = architecture == "Qwen2ForCausalLM" ? 1 : 0;
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    /// <summary>Attention is told of a window only where it leaves something out: a kernel without windows can run the others.</summary>
    [Theory]
    [InlineData(64, 64, 0)]
    [InlineData(64, 65, 64)]
    public void Build_AWindowThatHoldsEveryPosition_IsNone(int window, int positions, int expected)
    {
        var model = new TinyModel("MistralForCausalLM") { Config = { ["sliding_window"] = window } };
        var program = ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), positions);
        Assert.All(program.Ops.OfType<PagedAttentionOp>(), op => Assert.Equal(expected, op.Window));
    }

    [Theory]
    [InlineData("attention_bias", "true", "attention_bias")]
    [InlineData("partial_rotary_factor", "0.07", "partial_rotary_factor")]
    [InlineData("partial_rotary_factor", "1.5", "partial_rotary_factor")]
    [InlineData("original_max_position_embeddings", "null", "original_max_position_embeddings")]
    [InlineData("rope_scaling", """{"type":"longrope","short_factor":[1,1],"long_factor":[1,1]}""", "short_factor")]
    [InlineData("rope_scaling", """{"type":"longrope","short_factor":[1,1,1,1,1,1],"long_factor":[1,1,1,1,1,0]}""", "long_factor")]
    [InlineData("rope_scaling", """{"type":"longrope","short_factor":[1,1,1,1,1,1]}""", "long_factor")]
    public void Config_OfPhi3ThatIsWrong_NamesTheKey(string key, string value, string named)
    {
        var model = Phi3(0.75, 64);
        model.Config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Factors as far from 1 as published ones; those of the logits are powers of two, or not.</summary>
    [Theory]
    [InlineData(12.0, 0.22, 0.015625, 8.0, true)]
    [InlineData(3.0, 1.7, 0.4, 0.5, false)]
    [InlineData(12.0, 0.22, 0.015625, 10.0, true)]
    [InlineData(1.0, 1.0, 1.0, 1.0, false)]
    public void Program_OfGranite_ComputesThePublishedModel(double embedding, double residual, double attention, double logits, bool tied)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel("GraniteForCausalLM", seed: 11)
        {
            Config =
            {
                ["embedding_multiplier"] = embedding,
                ["residual_multiplier"] = residual,
                ["attention_multiplier"] = attention,
                ["logits_scaling"] = logits,
                ["rms_norm_eps"] = 1e-3,
                ["tie_word_embeddings"] = tied,
            },
        };
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Theory]
    [InlineData("logits_scaling", "0")]
    [InlineData("residual_multiplier", "0")]
    [InlineData("embedding_multiplier", "\"12\"")]
    [InlineData("attention_multiplier", "-1")]
    public void Config_OfGraniteThatIsWrong_NamesTheKey(string key, string value)
    {
        var model = new TinyModel("GraniteForCausalLM") { Config = { [key] = JsonNode.Parse(value) } };
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(0, 0)]
    public void Program_OfSmolLm3_ComputesThePublishedModel(int first, int second)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel("SmolLM3ForCausalLM", seed: 12) { Config = { ["no_rope_layers"] = new JsonArray(first, second) } };
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Fact]
    public void Config_OfSmolLm3_EveryFourthLayerUnlessItSaysOtherwise()
    {
        var model = new TinyModel("SmolLM3ForCausalLM") { Config = { ["num_hidden_layers"] = 9 } };
        Assert.Equal([3, 7], Parse().UnrotatedLayers.Order());
        model.Config["no_rope_layer_interval"] = 3;
        Assert.Equal([2, 5, 8], Parse().UnrotatedLayers.Order());
        model.Config["no_rope_layers"] = new JsonArray(1, 0);
        Assert.Contains("no_rope_layers", Assert.Throws<ModelFormatException>(Parse).Message, StringComparison.Ordinal);

        ModelConfig Parse() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Program_OfOlmo_ComputesThePublishedModel(int version, bool biased)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel($"Olmo{version}ForCausalLM", seed: 13);
        model.MakeOlmo(version);
        if (biased)
        {
            model.Config["attention_bias"] = true;
            model.AddQkvBiases();
            model.AddOutputBiases();
        }

        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Theory]
    [InlineData("GlmForCausalLM", 0.5)]
    [InlineData("Glm4ForCausalLM", 0.5)]
    [InlineData("Glm4ForCausalLM", 0.25)]
    [InlineData("Glm4ForCausalLM", 1)]
    public void Program_OfGlm_ComputesThePublishedModel(string architecture, double rotatedShare)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel(architecture, seed: 14);
        model.MakeGlm(rotatedShare);
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Program_OfExaone4_ComputesThePublishedModel(bool hasWindow)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel("Exaone4ForCausalLM", seed: 15);
        model.MakeExaone(hasWindow);
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    /// <summary>By default, by a number, by letters and by types.</summary>
    [Theory]
    [InlineData("sliding_window_pattern", "null", new[] { 9, 9, 9, 0, 9 })]
    [InlineData("sliding_window_pattern", "2", new[] { 9, 0, 9, 0, 9 })]
    [InlineData("sliding_window_pattern", "\"LLG\"", new[] { 9, 9, 0, 9, 9 })]
    [InlineData("layer_types", """["full_attention","sliding_attention","full_attention","full_attention","sliding_attention"]""", new[] { 0, 9, 0, 0, 9 })]
    [InlineData("sliding_window", "null", new int[0])]
    public void Config_OfExaone4_LayersWithoutAWindowDoNotRotate(string key, string value, int[] windows)
    {
        var model = new TinyModel("Exaone4ForCausalLM") { Config = { ["num_hidden_layers"] = 5, ["sliding_window"] = 9 } };
        model.Config[key] = JsonNode.Parse(value);
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
        Assert.Equal(windows, config.Windows);
        Assert.Equal([.. windows.Index().Where(layer => layer.Item == 0).Select(layer => layer.Index)], config.UnrotatedLayers.Order());
    }

    /// <summary>Biases that each of the families has by default or by a key of its own.</summary>
    [Theory]
    [InlineData("SeedOssForCausalLM", null, true, false, false)]
    [InlineData("SeedOssForCausalLM", "attention_out_bias", true, true, false)]
    [InlineData("SeedOssForCausalLM", "mlp_bias", true, false, true)]
    [InlineData("Ernie4_5ForCausalLM", null, false, false, false)]
    [InlineData("Ernie4_5_ForCausalLM", "use_bias", true, true, true)]
    [InlineData("InternLM3ForCausalLM", "qkv_bias", true, false, false)]
    [InlineData("InternLM3ForCausalLM", "bias", false, true, true)]
    public void Program_WithTheFamilysBiases_ComputesThePublishedModel(string architecture, string? key, bool ofQkv, bool ofOutput, bool ofMlp)
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel(architecture, seed: 16);
        if (key is not null)
        {
            model.Config[key] = true;
        }

        foreach (var (isThere, add) in new (bool, Action)[] { (ofQkv, model.AddQkvBiases), (ofOutput, model.AddOutputBiases), (ofMlp, model.AddMlpBiases) })
        {
            if (isThere)
            {
                add();
            }
        }

        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Theory]
    [InlineData("Glm4ForCausalLM", "partial_rotary_factor", "0.07", "partial_rotary_factor")]
    [InlineData("Glm4ForCausalLM", "rope_scaling", """{"rope_type":"default","mrope_section":[8,12,12]}""", "mrope_section")]
    [InlineData("Exaone4ForCausalLM", "sliding_window_pattern", "\"LLX\"", "sliding_window_pattern")]
    [InlineData("Exaone4ForCausalLM", "sliding_window_pattern", "\"\"", "sliding_window_pattern")]
    [InlineData("Ernie4_5ForCausalLM", "compression_ratio", "0.5", "compression_ratio")]
    [InlineData("Ernie4_5ForCausalLM", "use_bias", "1", "use_bias")]
    [InlineData("SeedOssForCausalLM", "attention_out_bias", "\"no\"", "attention_out_bias")]
    [InlineData("InternLM3ForCausalLM", "rope_scaling", """{"rope_type":"dynamic","factor":6.0,"alpha":1000.0}""", "alpha")]
    [InlineData("InternLM3ForCausalLM", "rope_scaling", """{"rope_type":"dynamic"}""", "factor")]
    public void Config_ThatIsWrong_NamesTheKey(string architecture, string key, string value, string named)
    {
        var model = new TinyModel(architecture);
        model.Config["sliding_window"] = 9;
        model.Config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Up to the length that a model was made for it changes nothing.</summary>
    [Fact]
    public void Config_OfADynamicRope_IsPlainWithinTheOriginalLength()
    {
        var model = new TinyModel("InternLM3ForCausalLM") { Config = { ["rope_scaling"] = new JsonObject { ["rope_type"] = "dynamic", ["factor"] = 6.0 } } };
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
        Assert.Equal((new DefaultRope(), 256), (config.Rope.Scaling, config.MaxPositions));
    }

    /// <summary>Windows where the file does not say, and both ways of saying how layers rotate.</summary>
    [Fact]
    public void Config_OfOlmo3_EveryFourthLayerHasNoWindowAndIsStretchedAlone()
    {
        var model = new TinyModel("Olmo3ForCausalLM") { Config = { ["num_hidden_layers"] = 5, ["sliding_window"] = 9 } };
        model.Config.Remove("rope_theta");
        var yarn = new JsonObject { ["rope_type"] = "yarn", ["factor"] = 8.0, ["original_max_position_embeddings"] = 32 };
        model.Config["rope_scaling"] = yarn;
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
        Assert.Equal([9, 9, 9, 0, 9], config.Windows);
        Assert.Equal((500_000.0, new DefaultRope()), (config.LocalRope!.Theta, config.LocalRope.Scaling));
        Assert.IsType<YarnRope>(config.Rope.Scaling);

        model.Config.Remove("rope_scaling");
        model.Config["rope_parameters"] = new JsonObject { ["full_attention"] = yarn.DeepClone(), ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 500.0 } };
        var newer = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
        Assert.Equal((config.Rope, 500.0), (newer.Rope, newer.LocalRope!.Theta));
        model.Config.Remove("rope_parameters");
        Assert.Null(ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())).LocalRope);
    }

    [Theory]
    [InlineData("Olmo2ForCausalLM", "clip_qkv", "8.0")]
    [InlineData("Olmo3ForCausalLM", "layer_types", "[\"sliding_attention\"]")]
    [InlineData("Olmo3ForCausalLM", "layer_types", "[\"sliding_attention\",\"chunked_attention\"]")]
    [InlineData("Olmo3ForCausalLM", "sliding_window", "0")]
    [InlineData("Olmo2ForCausalLM", "hidden_act", "\"gelu\"")]
    public void Config_OfOlmoThatIsWrong_NamesTheKey(string architecture, string key, string value)
    {
        var model = new TinyModel(architecture) { Config = { ["sliding_window"] = 9 } };
        model.Config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(key.Replace("layer_types", "layer", StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
    }

    private static void AssertIsPublished(TinyModel model, string folder)
    {
        using var runner = new ModelRunner(folder, 48);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        runner.Append(tokens);
        Compare(new PlainDecoder(model) { Positions = 48 }.Logits(tokens), runner.Logits(39));
    }

    internal static TinyModel Phi3(double rotatedShare, int originalLength)
    {
        var model = new TinyModel("Phi3ForCausalLM", seed: 9) { Config = { ["partial_rotary_factor"] = rotatedShare } };
        model.FuseProjections();
        if (originalLength > 0)
        {
            var pairs = (int)(16 * rotatedShare) / 2;
            model.Config["original_max_position_embeddings"] = originalLength;
            model.Config["rope_scaling"] = new JsonObject
            {
                ["type"] = "longrope",
                ["short_factor"] = new JsonArray([.. Enumerable.Range(0, pairs).Select(i => JsonValue.Create(1 + (0.1 * i)))]),
                ["long_factor"] = new JsonArray([.. Enumerable.Range(0, pairs).Select(i => JsonValue.Create(1.5 + (0.5 * i)))]),
            };
        }

        return model;
    }

    private static void Compare(double[] expected, ReadOnlySpan<float> actual)
    {
        // A wrong bias, norm or rotation moves logits by more than a tenth of their spread; fp32 against double by less than a thousandth.
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    private static TinyModel Make(string architecture, bool tied, bool biased)
    {
        var model = new TinyModel(architecture, seed: 7) { Config = { ["tie_word_embeddings"] = tied } };
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        if (biased)
        {
            model.Config["attention_bias"] = true;
            model.AddOutputBiases();
        }

        if (biased || architecture == "Qwen2ForCausalLM")
        {
            model.AddQkvBiases();
        }

        if (biased && architecture == "LlamaForCausalLM")
        {
            model.Config["mlp_bias"] = true;
            model.AddMlpBiases();
        }

        if (architecture.StartsWith("Gemma", StringComparison.Ordinal))
        {
            model.MakeGemma(architecture[5] - '0');
        }

        if (architecture == "Qwen3ForCausalLM")
        {
            model.AddHeadNorms();
        }

        return model;
    }
}
