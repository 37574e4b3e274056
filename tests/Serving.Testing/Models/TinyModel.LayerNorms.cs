using System.Text.Json.Nodes;

namespace Serving.Testing.Models;

/// <summary>Families whose norms are LayerNorms.</summary>
public sealed partial class TinyModel
{
    /// <summary>
    /// Makes it a model of its family, if that is Command R (the second with a window of 7 on the first layer), StarCoder 2, StableLM 2, Phi 2 or Nemotron; others stay as they are.
    /// </summary>
    /// <param name="normsHeads">Of Command R and StableLM: with a LayerNorm of every head of q and k.</param>
    /// <param name="isShared">Of StableLM: with one norm before attention and MLP.</param>
    public void MakeCentred(bool normsHeads = false, bool isShared = false)
    {
        var family = (string)Config["architectures"]![0]!;
        if (!HasLayerNorms(family))
        {
            return;
        }

        Config.Remove("rms_norm_eps");
        switch (family)
        {
            case "CohereForCausalLM" or "Cohere2ForCausalLM":
                MakeCohere(normsHeads, hasWindow: family == "Cohere2ForCausalLM");
                break;
            case "Starcoder2ForCausalLM":
                (Config["norm_epsilon"], Config["use_bias"], Config["hidden_act"]) = (1e-3, true, "gelu_pytorch_tanh");
                AddNormBiases();
                AddQkvBiases();
                AddOutputBiases();
                RemoveGates("c_fc", "c_proj");
                AddUngatedBiases("c_fc", "c_proj");
                break;
            case "StableLmForCausalLM":
                MakeStableLm(normsHeads, isShared);
                break;
            case "PhiForCausalLM":
                MakePhi();
                break;
            case "NemotronForCausalLM":
                (Config["norm_eps"], Config["partial_rotary_factor"], Config["hidden_act"]) = (1e-3, 0.5, "relu2");
                AddNormBiases();
                RemoveGates("up_proj", "down_proj");
                break;
        }
    }

    /// <summary>Takes the gate of every MLP and gives it xIELU's numbers instead: Apertus, but for the names of its norms.</summary>
    public void MakeXIelu()
    {
        Config["hidden_act"] = "xielu";
        AddHeadNorms();
        RemoveGates("up_proj", "down_proj");
        ForEachLayer(layer =>
        {
            Add($"{layer}.mlp.act_fn.alpha_p", 1);
            Add($"{layer}.mlp.act_fn.alpha_n", 1);
            Tensors[$"{layer}.mlp.act_fn.beta"] = ([], [0.5f]);
            Tensors[$"{layer}.mlp.act_fn.eps"] = ([], [-1 / 1024f]);
        });
    }

    /// <summary>Gives the norms of a model by <see cref="MakeXIelu"/> Apertus's names.</summary>
    public void NameApertus()
    {
        Config["architectures"] = new JsonArray("ApertusForCausalLM");
        ForEachLayer(layer =>
        {
            Rename($"{layer}.input_layernorm.weight", $"{layer}.attention_layernorm.weight");
            Rename($"{layer}.post_attention_layernorm.weight", $"{layer}.feedforward_layernorm.weight");
        });
    }

    /// <summary>Gives norms of heads Hunyuan's names, and the rotary base a factor.</summary>
    public void NameHunyuan(double alpha)
    {
        Config["architectures"] = new JsonArray("HunYuanDenseV1ForCausalLM");
        Config["rope_scaling"] = new JsonObject { ["type"] = "dynamic", ["alpha"] = alpha, ["factor"] = 1.0 };
        (Config["num_experts"], Config["use_qk_norm"]) = (1, true);
        ForEachLayer(layer =>
        {
            Rename($"{layer}.self_attn.q_norm.weight", $"{layer}.self_attn.query_layernorm.weight");
            Rename($"{layer}.self_attn.k_norm.weight", $"{layer}.self_attn.key_layernorm.weight");
        });
    }

    /// <summary>Whether a family's norms are LayerNorms.</summary>
    public static bool HasLayerNorms(string family) =>
        family is "CohereForCausalLM" or "Cohere2ForCausalLM" or "Starcoder2ForCausalLM" or "StableLmForCausalLM" or "PhiForCausalLM" or "NemotronForCausalLM";

    private void MakeCohere(bool normsHeads, bool hasWindow)
    {
        (Config["layer_norm_eps"], Config["logit_scale"]) = (1e-3, hasWindow ? 0.25 : 0.3);
        RemoveSecondNorms();
        if (normsHeads)
        {
            Config["use_qk_norm"] = true;
            ForEachLayer(layer =>
            {
                Add($"{layer}.self_attn.q_norm.weight", QueryWidth / HeadSize, HeadSize);
                Add($"{layer}.self_attn.k_norm.weight", KvWidth / HeadSize, HeadSize);
            });
        }

        if (hasWindow)
        {
            (Config["sliding_window"], Config["sliding_window_pattern"], Config["position_embedding_type"]) = (7, 2, "rope_gptj");
        }
    }

    private void MakeStableLm(bool normsHeads, bool isShared)
    {
        (Config["layer_norm_eps"], Config["partial_rotary_factor"], Config["use_qkv_bias"]) = (1e-3, 0.25, !normsHeads);
        (Config["qk_layernorm"], Config["use_parallel_residual"]) = (normsHeads, isShared);
        if (isShared)
        {
            RemoveSecondNorms();
        }

        AddNormBiases();
        if (!normsHeads)
        {
            AddQkvBiases();
            return;
        }

        ForEachLayer(layer =>
        {
            foreach (var (projection, heads) in new[] { ("q", QueryWidth / HeadSize), ("k", KvWidth / HeadSize) })
            {
                for (var head = 0; head < heads; head++)
                {
                    Add($"{layer}.self_attn.{projection}_layernorm.norms.{head}.weight", HeadSize);
                }
            }
        });
    }

    private void MakePhi()
    {
        (Config["layer_norm_eps"], Config["partial_rotary_factor"], Config["hidden_act"]) = (1e-3, 0.5, "gelu_new");
        RemoveSecondNorms();
        Rename("model.norm.weight", "model.final_layernorm.weight");
        AddNormBiases();
        AddQkvBiases();
        RemoveGates("fc1", "fc2");
        AddUngatedBiases("fc1", "fc2");
        ForEachLayer(layer =>
        {
            Rename($"{layer}.self_attn.o_proj.weight", $"{layer}.self_attn.dense.weight");
            Add($"{layer}.self_attn.dense.bias", Hidden);
        });
        Add("lm_head.bias", Vocabulary);
    }

    /// <summary>A bias beside every norm of the residual stream.</summary>
    private void AddNormBiases()
    {
        foreach (var name in Tensors.Keys.Where(name => name.EndsWith("norm.weight", StringComparison.Ordinal)).ToList())
        {
            Add(name.Replace(".weight", ".bias", StringComparison.Ordinal), Hidden);
        }
    }

    private void RemoveSecondNorms() => ForEachLayer(layer => Tensors.Remove($"{layer}.post_attention_layernorm.weight"));

    private void RemoveGates(string up, string down) => ForEachLayer(layer =>
    {
        Tensors.Remove($"{layer}.mlp.gate_proj.weight");
        Rename($"{layer}.mlp.up_proj.weight", $"{layer}.mlp.{up}.weight");
        Rename($"{layer}.mlp.down_proj.weight", $"{layer}.mlp.{down}.weight");
    });

    private void AddUngatedBiases(string up, string down) => ForEachLayer(layer =>
    {
        Add($"{layer}.mlp.{up}.bias", Intermediate);
        Add($"{layer}.mlp.{down}.bias", Hidden);
    });

    private void Rename(string name, string other)
    {
        Tensors.Remove(name, out var tensor);
        Tensors[other] = tensor;
    }
}
