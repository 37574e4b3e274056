using System.Text;
using System.Text.Json.Nodes;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Families whose layers are those of another under other names and keys, against the published model written down plainly.</summary>
public class LlamaLikeFamilyTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 20).Select(i => (i * 37 % 127) + 1)];

    [Theory]
    [InlineData("gelu")]
    [InlineData("gelu_pytorch_tanh")]
    public void Program_OfGemma1_ComputesThePublishedModel(string activation)
    {
        var model = new TinyModel("GemmaForCausalLM", seed: 21) { Config = { ["hidden_act"] = activation, ["layer_types"] = new JsonArray("full_attention", "full_attention"), ["tie_word_embeddings"] = true } };
        model.Tensors.Remove("lm_head.weight");

        // What scores are divided by the root of, which the plain decoder asks for.
        model.Config["query_pre_attn_scalar"] = model.Config["head_dim"]!.DeepClone();
        var expected = Plainly(model);
        model.Config.Remove("query_pre_attn_scalar");
        AssertGives(expected, model);
    }

    [Theory]
    [InlineData(256, true)]
    [InlineData(9, false)]
    public void Program_OfMiniCpm_ComputesThePublishedModel(int dimModelBase, bool tied)
    {
        var model = new TinyModel("MiniCPMForCausalLM", seed: 22) { Config = { ["scale_emb"] = 12, ["scale_depth"] = 1.4, ["dim_model_base"] = dimModelBase, ["tie_word_embeddings"] = tied, ["rms_norm_eps"] = 1e-3 } };
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        (model.Config["embedding_multiplier"], model.Config["residual_multiplier"], model.Config["logits_scaling"]) = (12.0, 1.4 / Math.Sqrt(TinyModel.Layers), TinyModel.Hidden / (double)dimModelBase);
        var expected = Plainly(model);
        foreach (var factor in new[] { "embedding_multiplier", "residual_multiplier", "logits_scaling" })
        {
            model.Config.Remove(factor);
        }

        AssertGives(expected, model);
    }

    /// <summary>Dense models are written as mixtures of which there is only what all tokens go through.</summary>
    [Fact]
    public void Program_OfGranite4WithoutStateSpaces_ComputesThePublishedModel()
    {
        var model = new TinyModel("GraniteForCausalLM", seed: 23)
        {
            Config = { ["embedding_multiplier"] = 12.0, ["residual_multiplier"] = 0.22, ["attention_multiplier"] = 0.1, ["logits_scaling"] = 10.0, ["rms_norm_eps"] = 1e-3 },
        };
        var expected = Plainly(model);
        model.MakeGranite4();
        AssertGives(expected, model);
    }

    /// <summary>Alone, and as a part of a model that sees images.</summary>
    [Theory]
    [InlineData("Ministral3ForCausalLM", "ministral3")]
    [InlineData("Mistral3ForConditionalGeneration", "ministral3")]
    [InlineData("Mistral3ForConditionalGeneration", "mistral")]
    public void Program_OfMinistral_ComputesThePublishedModel(string architecture, string decoder)
    {
        var model = Ministral(decoder);
        var expected = Plainly(model);
        model.Config["architectures"] = new JsonArray(architecture);
        if (architecture == "Mistral3ForConditionalGeneration")
        {
            model.MakePart();
            model.Config["architectures"] = new JsonArray(architecture);
        }

        AssertGives(expected, model);
    }

    /// <summary>Of a model that sees images, too: what a text is rotated by is one position, whatever it is divided for images.</summary>
    [Fact]
    public void Program_OfQwen3Vl_ComputesTheDecoder()
    {
        var model = new TinyModel("Qwen3ForCausalLM", seed: 25);
        model.AddHeadNorms();
        var expected = Plainly(model);
        model.MakePart("model.language_model.", "model.visual.");
        model.Config["architectures"] = new JsonArray("Qwen3VLForConditionalGeneration");
        model.Config["text_config"]!["rope_scaling"] = new JsonObject { ["rope_type"] = "default", ["mrope_interleaved"] = true, ["mrope_section"] = new JsonArray(4, 2, 2) };
        AssertGives(expected, model);
    }

    /// <summary>Queries grow from the length on that YaRN stretches from: that is as far as such a model is served.</summary>
    [Fact]
    public void Config_OfMinistral_EndsWhereQueriesBeginToGrow()
    {
        var model = Ministral("ministral3");
        Assert.Equal((32, 1.0), (Parse(model).MaxPositions, Assert.IsType<YarnRope>(Parse(model, ("mscale", 1), ("mscale_all_dim", 1)).Rope.Scaling).Amplitude));
        Assert.Equal(256, Parse(model, ("llama_4_scaling_beta", 0)).MaxPositions);
        Assert.Contains("llama_4_scaling_beta", Assert.Throws<ModelFormatException>(() => Parse(model, ("rope_type", "default"))).Message, StringComparison.Ordinal);

        static ModelConfig Parse(TinyModel model, params ReadOnlySpan<(string Key, JsonNode Value)> changes)
        {
            var config = model.Config.DeepClone();
            foreach (var (key, value) in changes)
            {
                config["rope_scaling"]![key] = value;
            }

            return ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJsonString()));
        }
    }

    [Theory]
    [InlineData("GraniteMoeHybridForCausalLM", "layer_types", """["attention","mamba"]""")]
    [InlineData("GraniteMoeHybridForCausalLM", "layer_types", "null")]
    [InlineData("GraniteMoeHybridForCausalLM", "position_embedding_type", "\"nope\"")]
    [InlineData("GraniteMoeHybridForCausalLM", "num_local_experts", "6")]
    [InlineData("MiniCPMForCausalLM", "sparse_config", """{"topk":64}""")]
    [InlineData("MiniCPMForCausalLM", "scale_depth", "0")]
    [InlineData("MiniCPMForCausalLM", "num_experts", "8")]
    [InlineData("GemmaForCausalLM", "attn_logit_softcapping", "50.0")]
    [InlineData("GemmaForCausalLM", "hidden_act", "\"relu\"")]
    [InlineData("Mistral3ForConditionalGeneration", "text_config", """{"model_type":"mistral4"}""")]
    public void Config_ThatIsNotDone_NamesTheKey(string architecture, string key, string value)
    {
        var model = new TinyModel("GraniteForCausalLM");
        model.MakeGranite4();
        if (architecture != "GraniteMoeHybridForCausalLM")
        {
            model = new TinyModel(architecture);
        }

        model.Config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(key == "text_config" ? "mistral4" : key, error.Message, StringComparison.Ordinal);
    }

    private static TinyModel Ministral(string decoder) => new("Ministral3ForCausalLM", seed: 24)
    {
        Config =
        {
            ["model_type"] = decoder,
            ["rope_scaling"] = new JsonObject
            {
                ["rope_type"] = "yarn", ["factor"] = 8.0, ["original_max_position_embeddings"] = 32, ["beta_fast"] = 32.0, ["beta_slow"] = 1.0, ["llama_4_scaling_beta"] = 0.1,
            },
        },
    };

    private static double[] Plainly(TinyModel model) => new PlainDecoder(model).Logits(Tokens);

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
