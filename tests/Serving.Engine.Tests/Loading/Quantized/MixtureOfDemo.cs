using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>
/// The bundled model's first layer as Qwen 2 MoE has layers: experts whose down is half of its own, all alike, and a shared one, whose factor is σ of 0, that computes what it does. So it is that layer,
/// whatever a router of any numbers chooses.
/// </summary>
internal static class MixtureOfDemo
{
    private const int Experts = 3;
    private const string Mlp = "model.layers.0.mlp.";

    /// <summary>Its <c>config.json</c>.</summary>
    public static JsonObject Config
    {
        get
        {
            var config = DemoWeights.Config;
            config["architectures"] = new JsonArray("Qwen2MoeForCausalLM");
            config["model_type"] = "qwen2_moe";
            config["num_experts"] = Experts;
            config["num_experts_per_tok"] = 2;
            config["norm_topk_prob"] = true;
            config["moe_intermediate_size"] = config["intermediate_size"]!.DeepClone();
            config["shared_expert_intermediate_size"] = config["intermediate_size"]!.DeepClone();
            return config;
        }
    }

    /// <summary>Its tensors.</summary>
    public static IEnumerable<(string Name, long[] Shape, float[] Values)> Tensors()
    {
        var hidden = (int)DemoWeights.Config["hidden_size"]!;
        foreach (var (name, shape, values) in DemoWeights.Tensors)
        {
            if (!name.StartsWith(Mlp, StringComparison.Ordinal))
            {
                yield return (name, shape, values);
                continue;
            }

            yield return ($"{Mlp}shared_expert.{name[Mlp.Length..]}", shape, values);
            var isDown = name.StartsWith($"{Mlp}down", StringComparison.Ordinal);
            for (var expert = 0; expert < Experts; expert++)
            {
                yield return ($"{Mlp}experts.{expert}.{name[Mlp.Length..]}", shape, isDown ? [.. values.Select(value => value / 2)] : values);
            }
        }

        yield return ($"{Mlp}shared_expert_gate.weight", [1, hidden], new float[hidden]);
        yield return ($"{Mlp}gate.weight", [Experts, hidden], [.. Enumerable.Range(0, Experts * hidden).Select(i => (i * 37 % 101 / 101f) - 0.5f)]);
        foreach (var (projection, width) in new[] { ("q", 256), ("k", 128), ("v", 128) })
        {
            yield return ($"model.layers.0.self_attn.{projection}_proj.bias", [width], new float[width]);
        }
    }
}
