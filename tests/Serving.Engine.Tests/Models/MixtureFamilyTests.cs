using System.Text;
using System.Text.Json.Nodes;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Families whose MLPs are mixtures of experts.</summary>
public sealed class MixtureFamilyTests
{
    /// <summary>Every way in which a checkpoint names and stacks its experts, with shares of the chosen and of all, and with a layer that has a plain MLP.</summary>
    [Theory]
    [InlineData("Qwen3MoeForCausalLM", true, 0)]
    [InlineData("Qwen3MoeForCausalLM", false, 0)]
    [InlineData("Qwen3MoeForCausalLM", true, 1)]
    [InlineData("MixtralForCausalLM", true, 0)]
    [InlineData("GraniteMoeForCausalLM", true, 0)]
    [InlineData("GraniteMoeSharedForCausalLM", true, 0)]
    [InlineData("Qwen2MoeForCausalLM", false, 0)]
    [InlineData("Qwen2MoeForCausalLM", true, 1)]
    [InlineData("OlmoeForCausalLM", false, 0)]
    public void Program_OfAMixture_ComputesThePublishedModel(string architecture, bool renormalize, int firstLayer)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture, renormalize, firstLayer);
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        runner.Append(tokens);
        var expected = new PlainDecoder(model).Logits(tokens);
        var actual = runner.Logits(39);
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    [Theory]
    [InlineData("Qwen3MoeForCausalLM", "num_experts", "0")]
    [InlineData("Qwen3MoeForCausalLM", "num_experts", "513")]
    [InlineData("Qwen3MoeForCausalLM", "num_experts_per_tok", "7")]
    [InlineData("Qwen3MoeForCausalLM", "num_experts_per_tok", "null")]
    [InlineData("Qwen3MoeForCausalLM", "moe_intermediate_size", "null")]
    [InlineData("Qwen3MoeForCausalLM", "mlp_only_layers", "[2]")]
    [InlineData("Qwen3MoeForCausalLM", "decoder_sparse_step", "0")]
    [InlineData("Qwen3MoeForCausalLM", "shared_expert_intermediate_size", "64")]
    [InlineData("Qwen2MoeForCausalLM", "shared_expert_intermediate_size", "null")]
    [InlineData("Qwen2MoeForCausalLM", "use_sliding_window", "true")]
    [InlineData("GraniteMoeSharedForCausalLM", "shared_intermediate_size", "-1")]
    [InlineData("OlmoeForCausalLM", "clip_qkv", "8.0")]
    [InlineData("OlmoeForCausalLM", "num_experts", "null")]
    [InlineData("MixtralForCausalLM", "num_local_experts", "\"8\"")]
    [InlineData("GraniteMoeForCausalLM", "shared_intermediate_size", "64")]
    [InlineData("GraniteMoeForCausalLM", "num_experts_per_tok", "-1")]
    public void Config_OfAMixtureThatIsWrong_NamesTheKey(string architecture, string key, string value)
    {
        var model = Make(architecture, true, 0);
        model.Config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    /// <summary>An expert that is missing, that nothing has a place for, or that is of another shape: said by its tensor's name.</summary>
    [Theory]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.mlp.experts.5.up_proj.weight")]
    [InlineData("MixtralForCausalLM", "model.layers.0.block_sparse_moe.experts.0.w2.weight")]
    [InlineData("Qwen2MoeForCausalLM", "model.layers.1.mlp.shared_expert.down_proj.weight")]
    [InlineData("GraniteMoeSharedForCausalLM", "model.layers.1.shared_mlp.input_linear.weight")]
    [InlineData("GraniteMoeForCausalLM", "model.layers.0.block_sparse_moe.input_linear.weight")]
    public void Load_TensorsOfExpertsThatDoNotFit_AreNamed(string architecture, string tensor)
    {
        var missing = Make(architecture, true, 0);
        missing.Tensors.Remove(tensor);
        Assert.Contains(tensor, LoadingFails(missing), StringComparison.Ordinal);

        var wrong = Make(architecture, true, 0);
        var (shape, values) = wrong.Tensors[tensor];
        wrong.Tensors[tensor] = ([shape[^1], .. shape[..^1]], values);
        Assert.Contains(tensor, LoadingFails(wrong), StringComparison.Ordinal);

        var more = Make(architecture, true, 0);
        var another = tensor.Replace(".weight", ".7.weight", StringComparison.Ordinal);
        more.Add(another, 2, 2);
        Assert.Contains(another, LoadingFails(more), StringComparison.Ordinal);
    }

    private static string LoadingFails(TinyModel model)
    {
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        return Assert.Throws<ModelFormatException>(() => new ModelRunner(folder.Path, 48)).Message;
    }

    internal static TinyModel Make(string architecture, bool renormalize, int firstLayer)
    {
        var model = new TinyModel(architecture, seed: 5);
        model.MakeMixture(firstLayer);
        if (architecture.StartsWith("Qwen", StringComparison.Ordinal))
        {
            if (architecture == "Qwen2MoeForCausalLM")
            {
                model.AddQkvBiases();
                model.Config["sliding_window"] = 4096;
            }
            else
            {
                model.AddHeadNorms();
            }

            model.Config["norm_topk_prob"] = renormalize;
            model.Config["mlp_only_layers"] = new JsonArray([.. Enumerable.Range(0, firstLayer).Select(layer => JsonValue.Create(layer))]);
        }

        if (architecture.StartsWith("Olmoe", StringComparison.Ordinal))
        {
            model.AddNormsOfAllHeads();
            model.Config["norm_topk_prob"] = renormalize;
        }

        if (architecture.StartsWith("Granite", StringComparison.Ordinal))
        {
            model.Config["embedding_multiplier"] = 12.0;
            model.Config["residual_multiplier"] = 0.22;
            model.Config["attention_multiplier"] = 0.2;
            model.Config["logits_scaling"] = 8.0;
        }

        return model;
    }
}
