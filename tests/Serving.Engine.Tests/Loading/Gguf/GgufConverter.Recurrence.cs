using System.Text.Json.Nodes;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Layers with a recurrent state, as llama.cpp's converter writes them.</summary>
internal static partial class GgufConverter
{
    internal static readonly IReadOnlyDictionary<string, string> RecurrentNames = new Dictionary<string, string>
    {
        ["in_proj_qkv.weight"] = "attn_qkv.weight",
        ["in_proj_z.weight"] = "attn_gate.weight",
        ["in_proj_b.weight"] = "ssm_beta.weight",
        ["in_proj_a.weight"] = "ssm_alpha.weight",
        ["in_proj_ba.weight"] = "ssm_ba.weight",
        ["conv1d.weight"] = "ssm_conv1d.weight",
        ["A_log"] = "ssm_a",
        ["dt_bias"] = "ssm_dt.bias",
        ["norm.weight"] = "ssm_norm.weight",
        ["out_proj.weight"] = "ssm_out.weight",
    };

    /// <summary>The rows (columns of what reads the values) of a checkpoint's tensor in the order that a file of Qwen 3.5 has them in: of the value heads of all key heads the first ones, then the second ones.</summary>
    internal static int[] TiledRows(JsonObject config, string name, int rows)
    {
        var (keys, values, keySize, valueSize) = ((int)config["linear_num_key_heads"]!, (int)config["linear_num_value_heads"]!, (int)config["linear_key_head_dim"]!, (int)config["linear_value_head_dim"]!);
        var (size, start) = name switch
        {
            "in_proj_qkv.weight" or "conv1d.weight" => (valueSize, 2 * keys * keySize),
            "in_proj_z.weight" or "out_proj.weight" => (valueSize, 0),
            "norm.weight" => (0, rows),
            _ => (1, 0),
        };
        return [.. Enumerable.Range(0, start), .. from of in Enumerable.Range(0, size == 0 ? 0 : values / keys) from key in Enumerable.Range(0, keys) from place in Enumerable.Range(0, size) select start + (((key * values / keys) + of) * size) + place];
    }

    private static void PutRecurrence(GgufWriter writer, string family, JsonObject config)
    {
        if (config["linear_num_key_heads"] is null)
        {
            return;
        }

        writer.Put($"{family}.ssm.conv_kernel", (int)config["linear_conv_kernel_dim"]!).Put($"{family}.ssm.state_size", (int)config["linear_key_head_dim"]!)
            .Put($"{family}.ssm.group_count", (int)config["linear_num_key_heads"]!).Put($"{family}.ssm.time_step_rank", (int)config["linear_num_value_heads"]!)
            .Put($"{family}.ssm.inner_size", (int)config["linear_value_head_dim"]! * (int)config["linear_num_value_heads"]!).Put($"{family}.full_attention_interval", 4)
            .Put($"{family}.attention.recurrent_layers", config["layer_types"]!.AsArray().Select(type => (string)type! == "linear_attention").ToArray());
        if (family != "qwen3next")
        {
            writer.Put($"{family}.rope.dimension_sections", new[] { 11, 11, 10, 0 });
        }
    }

    private static void AddRecurrent(GgufWriter writer, TinyModel model, string name, GgmlEncoder matrices)
    {
        var ((shape, values), block, own) = (model.Tensors[name], $"blk.{name.Split('.')[2]}.", name[(name.LastIndexOf("linear_attn.", StringComparison.Ordinal) + 12)..]);
        if (own == "in_proj_qkvz.weight")
        {
            model.Tensors[name] = (shape, AddInputs(writer, model.Config, block, shape, values, matrices));
            return;
        }

        var isTiled = (string)model.Config["architectures"]![0]! != "Qwen3NextForCausalLM";
        var isMatrix = own.EndsWith("_proj.weight", StringComparison.Ordinal) || own.StartsWith("in_proj", StringComparison.Ordinal);
        var encoder = isMatrix ? matrices : GgmlEncoder.F32;
        var columns = values.Length / (int)shape[0];
        int[] places = !isTiled ? [.. Enumerable.Range(0, values.Length)]
            : own == "out_proj.weight" ? [.. from row in Enumerable.Range(0, (int)shape[0]) from column in TiledRows(model.Config, own, columns) select (row * columns) + column]
            : [.. from row in TiledRows(model.Config, own, (int)shape[0]) from column in Enumerable.Range(0, columns) select (row * columns) + column];
        var (bytes, stands) = encoder.Encode([.. places.Select(place => own == "A_log" ? -MathF.Exp(values[place]) : values[place])]);
        writer.Add(block + RecurrentNames[own], encoder.Type, shape.Length == 1 ? shape : [columns, shape[0]], bytes);
        if (isMatrix)
        {
            foreach (var (i, place) in places.Index())
            {
                values[place] = stands[i];
            }
        }
    }

    /// <summary>Rows of q, k and v of all key heads, and of the gates, of a tensor in which key heads take turns.</summary>
    internal static (string Tensor, int[] Rows)[] CutRows(JsonObject config)
    {
        var (keys, share) = ((int)config["linear_num_key_heads"]!, (int)config["linear_num_value_heads"]! / (int)config["linear_num_key_heads"]!);
        var (size, width) = ((int)config["linear_key_head_dim"]!, share * (int)config["linear_value_head_dim"]!);
        var stride = 2 * (size + width);
        return [("attn_qkv.weight", [.. Rows(0, size), .. Rows(size, size), .. Rows(2 * size, width)]), ("attn_gate.weight", Rows((2 * size) + width, width))];

        int[] Rows(int first, int count) => [.. from key in Enumerable.Range(0, keys) from row in Enumerable.Range(0, count) select (key * stride) + first + row];
    }

    /// <summary>Qwen3-Next's, cut into q, k and v of all key heads and the gates.</summary>
    private static float[] AddInputs(GgufWriter writer, JsonObject config, string block, long[] shape, float[] values, GgmlEncoder matrices)
    {
        var columns = (int)shape[1];
        foreach (var (tensor, rows) in CutRows(config))
        {
            int[] places = [.. from row in rows from column in Enumerable.Range(0, columns) select (row * columns) + column];
            var (bytes, stands) = matrices.Encode([.. places.Select(place => values[place])]);
            writer.Add(block + tensor, matrices.Type, [columns, rows.Length], bytes);
            foreach (var (i, place) in places.Index())
            {
                values[place] = stands[i];
            }
        }

        return values;
    }
}
