using System.Text.Json.Nodes;
using Serving.Testing.Models;

namespace Serving.Testing.Adapters;

/// <summary>Makes LoRA adapters in PEFT's format from a seed: the same seed gives the same bytes, another one another content.</summary>
public static class AdapterGenerator
{
    /// <summary>The projections of attention.</summary>
    public static readonly IReadOnlyList<string> Attention = ["q_proj", "k_proj", "v_proj", "o_proj"];

    /// <summary>All seven projections.</summary>
    public static readonly IReadOnlyList<string> All = [.. Attention, "gate_proj", "up_proj", "down_proj"];

    /// <summary>Writes an adapter's folder.</summary>
    /// <param name="folder">Made if it is not there.</param>
    /// <param name="dimensions">The model it is for.</param>
    /// <param name="seed">Decides the content.</param>
    /// <param name="rank">Rank of every module; alpha is twice that.</param>
    /// <param name="targets">Projections, of every expert where the model has experts; null for those of attention.</param>
    /// <param name="strength">Size of the delta next to a projection's output of an untrained model: 0.1 changes most answers and leaves text.</param>
    public static void Write(string folder, AdapterDimensions dimensions, int seed, int rank = 8, IReadOnlyList<string>? targets = null, float strength = 0.1f)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), Config(rank, [.. (targets ?? Attention).Select(target => dimensions.Mixture?.NameOf(target) ?? target)]).ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "adapter_model.safetensors"), Weights(dimensions, seed, rank, targets ?? Attention, strength));
    }

    /// <summary>The configuration of an adapter.</summary>
    public static JsonObject Config(int rank, IReadOnlyList<string> targets) => new()
    {
        ["peft_type"] = "LORA",
        ["task_type"] = "CAUSAL_LM",
        ["r"] = rank,
        ["lora_alpha"] = 2 * rank,
        ["lora_dropout"] = 0.0,
        ["target_modules"] = new JsonArray([.. targets.Select(target => JsonValue.Create(target))]),
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["use_dora"] = false,
        ["use_rslora"] = false,
        ["modules_to_save"] = null,
        ["rank_pattern"] = new JsonObject(),
        ["alpha_pattern"] = new JsonObject(),
    };

    /// <summary>The weights file of an adapter.</summary>
    /// <param name="dimensions">The model it is for.</param>
    /// <param name="seed">Decides the values.</param>
    /// <param name="rank">Rank of every module.</param>
    /// <param name="targets">Projections.</param>
    /// <param name="strength">Size of the delta.</param>
    /// <param name="elementType">BF16, F16 or F32.</param>
    public static byte[] Weights(
        AdapterDimensions dimensions, int seed, int rank, IReadOnlyList<string> targets, float strength = 0.1f, string elementType = "BF16")
    {
        var random = new Random(seed);
        var writer = new SafetensorsWriter();
        for (var layer = 0; layer < dimensions.Layers; layer++)
        {
            foreach (var (target, name) in targets.SelectMany(target => dimensions.ModulesOf(target).Select(name => (target, name))))
            {
                var (input, output) = dimensions.WidthsOf(target);
                var module = $"base_model.model.model.layers.{layer}.{name}";
                writer.Add(module + ".lora_A.weight", elementType, [rank, input], Values(random, rank * input, 1 / MathF.Sqrt(input)));
                writer.Add(module + ".lora_B.weight", elementType, [output, rank], Values(random, output * rank, strength / MathF.Sqrt(rank)));
            }
        }

        return writer.ToArray();
    }

    /// <summary>Uniform values of the given standard deviation, cut to what bf16 holds.</summary>
    private static float[] Values(Random random, int count, float deviation)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var value = ((2 * random.NextSingle()) - 1) * deviation * 1.7320508f;
            values[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
        }

        return values;
    }
}
