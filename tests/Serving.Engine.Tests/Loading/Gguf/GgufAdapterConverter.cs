using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Writes adapters in PEFT's format as GGUF files, as llama.cpp's converter does.</summary>
internal static partial class GgufAdapterConverter
{
    /// <summary>Families whose files are not served, and what is called otherwise than in models of the same names.</summary>
    private static readonly Dictionary<string, string> MoreFamilies = new()
    {
        ["Phi3ForCausalLM"] = "phi3",
        ["MistralForCausalLM"] = "llama",
        ["GraniteMoeSharedForCausalLM"] = "granitemoe",
    };

    private static readonly Dictionary<string, string> MoreNames = new()
    {
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["block_sparse_moe.router.layer"] = "ffn_gate_inp",
        ["shared_mlp.output_linear"] = "ffn_down_shexp",
    };

    /// <summary>The file of an adapter. Its matrices become what the file's stand for.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="tensors">The adapter's tensors, as <c>model.layers.0.self_attn.q_proj.lora_A.weight</c>.</param>
    /// <param name="alpha">Its alpha.</param>
    /// <param name="encoder">Keeps the matrices whose rows are whole blocks; the others are in F32.</param>
    public static GgufWriter Convert(JsonObject config, Dictionary<string, (long[] Shape, float[] Values)> tensors, float alpha, GgmlEncoder encoder)
    {
        var architecture = (string)config["architectures"]![0]!;
        var family = MoreFamilies.GetValueOrDefault(architecture) ?? GgufConverter.Families[architecture];
        var writer = new GgufWriter().Put("general.architecture", family).Put("general.type", "adapter").Put("adapter.type", "lora").Put("adapter.lora.alpha", alpha);
        var stacks = new SortedDictionary<string, (GgmlEncoder Encoder, long[] Shape, List<byte[]> Experts)>(StringComparer.Ordinal);
        foreach (var name in tensors.Keys.ToList())
        {
            var (shape, values) = tensors[name];
            var match = Name().Match(name);
            var (layer, module, half) = (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value == "lora_A" ? "lora_a" : "lora_b");
            var own = shape[1] % 32 == 0 ? encoder : GgmlEncoder.F32;
            var (bytes, stands) = own.Encode(values);
            tensors[name] = (shape, stands);
            if (Expert().Match(module) is { Success: true } expert)
            {
                var stack = $"blk.{layer}.{GgufConverter.ExpertNames[expert.Groups[1].Value]}.weight.{half}";
                stacks.TryAdd(stack, (own, shape, []));
                stacks[stack].Experts.Add(bytes);
                continue;
            }

            if (module.StartsWith("linear_attn.", StringComparison.Ordinal))
            {
                AddRecurrent(writer, config, $"blk.{layer}.", module["linear_attn.".Length..] + ".weight", half, shape, stands);
                continue;
            }

            if (module == "shared_mlp.input_linear")
            {
                // Gate and up share their A, and have half of B's rows each.
                var (isA, cut) = (half == "lora_a", bytes.Length / 2);
                long[] dimensions = [shape[1], isA ? shape[0] : shape[0] / 2];
                writer.Add($"blk.{layer}.ffn_gate_shexp.weight.{half}", own.Type, dimensions, isA ? bytes : bytes[..cut]);
                writer.Add($"blk.{layer}.ffn_up_shexp.weight.{half}", own.Type, dimensions, isA ? bytes : bytes[cut..]);
                continue;
            }

            var file = MoreNames.GetValueOrDefault(module) ?? GgufConverter.Names[module];
            var isInterleaved = half == "lora_b" && (file is "attn_q" or "attn_k") && (GgufConverter.Interleaved.Contains(family) || family == "granitemoe");
            writer.Add($"blk.{layer}.{file}.weight.{half}", own.Type, [.. shape.Reverse()], isInterleaved ? GgufConverter.Interleave(bytes, bytes.Length / (int)shape[0], (int)config["head_dim"]!) : bytes);
        }

        foreach (var (name, (own, shape, experts)) in stacks)
        {
            writer.Add(name, own.Type, [.. shape.Reverse(), experts.Count], [.. experts.SelectMany(bytes => bytes)]);
        }

        return writer;
    }

    /// <summary>Halves of what layers that remember have: B's rows as the file has the matrix's, A's columns where those are the value heads; Qwen3-Next's one module is two matrices with one A.</summary>
    private static void AddRecurrent(GgufWriter writer, JsonObject config, string block, string own, string half, long[] shape, float[] values)
    {
        var (isA, columns) = (half == "lora_a", (int)shape[1]);
        if (own == "in_proj_qkvz.weight")
        {
            foreach (var (file, rows) in GgufConverter.CutRows(config))
            {
                int[] kept = isA ? [.. Enumerable.Range(0, (int)shape[0])] : rows;
                writer.Add($"{block}{file}.{half}", GgmlEncoder.F32.Type, [columns, kept.Length], GgmlEncoder.F32.Encode([.. kept.SelectMany(row => values[(row * columns)..((row + 1) * columns)])]).Bytes);
            }

            return;
        }

        var isTiled = own != "in_proj_ba.weight" && (string)config["architectures"]![0]! != "Qwen3NextForCausalLM" && isA == (own == "out_proj.weight");
        int[] order = isTiled ? GgufConverter.TiledRows(config, own, (int)shape[isA ? 1 : 0]) : [.. Enumerable.Range(0, (int)shape[isA ? 1 : 0])];
        float[] ordered = isA
            ? [.. from row in Enumerable.Range(0, (int)shape[0]) from column in order select values[(row * columns) + column]]
            : [.. order.SelectMany(row => values[(row * columns)..((row + 1) * columns)])];
        writer.Add($"{block}{GgufConverter.RecurrentNames[own]}.{half}", GgmlEncoder.F32.Type, [columns, shape[0]], GgmlEncoder.F32.Encode(ordered).Bytes);
    }

    /// <summary>The file of one of the bundled model's adapters.</summary>
    public static GgufWriter ConvertDemo(string name)
    {
        var (model, config) = (Json(Repository.DemoModel, "config.json"), Json(Path.Combine(Repository.DemoAdapters, name), "adapter_config.json"));
        var alpha = (float)config["lora_alpha"]! * ((bool)config["use_rslora"]! ? MathF.Sqrt((float)config["r"]!) : 1);
        return Convert(model, Read(File.ReadAllBytes(Path.Combine(Repository.DemoAdapters, name, "adapter_model.safetensors"))), alpha, GgmlEncoder.BF16);
    }

    private static Dictionary<string, (long[] Shape, float[] Values)> Read(byte[] file)
    {
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        var header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        header.Remove("__metadata__");
        return header.ToDictionary(entry => entry.Key["base_model.model.".Length..], entry =>
        {
            var offsets = entry.Value!["data_offsets"]!.AsArray().Select(offset => (int)offset!).ToArray();
            var bytes = file.AsSpan(8 + length)[offsets[0]..offsets[1]];
            float[] values = (string)entry.Value["dtype"]! == "BF16"
                ? [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))]
                : MemoryMarshal.Cast<byte, float>(bytes).ToArray();
            return (entry.Value["shape"]!.AsArray().Select(dimension => (long)dimension!).ToArray(), values);
        });
    }

    private static JsonObject Json(string folder, string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, file)))!.AsObject();

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.(.+)\.(lora_[AB])\.weight$")]
    private static partial Regex Name();

    [GeneratedRegex(@"experts\.[0-9]+\.(.+)$")]
    private static partial Regex Expert();
}
