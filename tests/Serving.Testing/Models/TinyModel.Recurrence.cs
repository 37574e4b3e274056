using System.Text.Json.Nodes;

namespace Serving.Testing.Models;

/// <summary>Qwen 3.5 and Qwen3-Next.</summary>
public sealed partial class TinyModel
{
    private const int KeyHeads = 2;
    private const int ValueHeads = 4;
    private const int RecurrentSize = 32;
    private const int Taps = 4;
    private const int MixedWidth = ((2 * KeyHeads) + ValueHeads) * RecurrentSize;
    private const int ValueWidth = ValueHeads * RecurrentSize;

    /// <summary>
    /// Makes it a Qwen 3.5, or a Qwen3-Next if that is its family: the first layer remembers, two key heads and four value heads of 32 elements, a convolution of four tokens; the other attends, half of a head rotated, a gate
    /// behind it. Families of experts have six of them, and an MLP for every token.
    /// </summary>
    public void MakeRecurrent()
    {
        var family = (string)Config["architectures"]![0]!;
        Config["layer_types"] = new JsonArray("linear_attention", "full_attention");
        Config["partial_rotary_factor"] = 0.5;
        (Config["linear_num_key_heads"], Config["linear_num_value_heads"], Config["linear_key_head_dim"], Config["linear_value_head_dim"]) = (KeyHeads, ValueHeads, RecurrentSize, RecurrentSize);
        Config["linear_conv_kernel_dim"] = Taps;
        AddHeadNorms();
        ForEachLayer(layer => Add($"{layer}.self_attn.q_proj.weight", 2 * QueryWidth, Hidden));
        if (family == "Qwen3NextForCausalLM" || family.StartsWith("Qwen3_5Moe", StringComparison.Ordinal))
        {
            MakeMixture();
            Config.Remove("intermediate_size");
        }

        Remember("model.layers.0.", family == "Qwen3NextForCausalLM");
    }

    /// <summary>Stacks the matrices of all experts of a layer in two tensors, as transformers 5 saves them.</summary>
    public void StackExperts() => ForEachLayer(layer =>
    {
        var (experts, width) = ((int)Config["num_experts"]!, (int)Config["moe_intermediate_size"]!);
        Stack("gate_up_proj", "gate_proj", "up_proj");
        Stack("down_proj", "down_proj");

        void Stack(string name, params string[] parts)
        {
            float[] values = [.. from expert in Enumerable.Range(0, experts) from part in parts from value in Tensors[$"{layer}.mlp.experts.{expert}.{part}.weight"].Values select value];
            for (var expert = 0; expert < experts; expert++)
            {
                foreach (var part in parts)
                {
                    Tensors.Remove($"{layer}.mlp.experts.{expert}.{part}.weight");
                }
            }

            Tensors[$"{layer}.mlp.experts.{name}"] = ([experts, parts.Length == 2 ? 2 * width : Hidden, parts.Length == 2 ? Hidden : width], values);
        }
    });

    private void Remember(string layer, bool isFused)
    {
        foreach (var name in Tensors.Keys.Where(name => name.StartsWith(layer + "self_attn.", StringComparison.Ordinal)).ToList())
        {
            Tensors.Remove(name);
        }

        var mixer = layer + "linear_attn.";
        if (isFused)
        {
            Add(mixer + "in_proj_qkvz.weight", MixedWidth + ValueWidth, Hidden);
            Add(mixer + "in_proj_ba.weight", 2 * ValueHeads, Hidden);
        }
        else
        {
            Add(mixer + "in_proj_qkv.weight", MixedWidth, Hidden);
            Add(mixer + "in_proj_z.weight", ValueWidth, Hidden);
            Add(mixer + "in_proj_b.weight", ValueHeads, Hidden);
            Add(mixer + "in_proj_a.weight", ValueHeads, Hidden);
        }

        Add(mixer + "conv1d.weight", MixedWidth, 1, Taps);
        Add(mixer + "A_log", ValueHeads);
        Add(mixer + "dt_bias", ValueHeads);
        Add(mixer + "norm.weight", RecurrentSize);
        Add(mixer + "out_proj.weight", Hidden, ValueWidth);
    }
}
