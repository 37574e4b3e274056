using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>A checkpoint of karpathy/llama2.c (legacy layout, tied, fp32) as a Hugging Face folder, and its vocabulary.</summary>
internal sealed class Llama2cModel
{
    private readonly byte[] _file;
    private int _next = 7;

    public Llama2cModel(string checkpoint) => _file = File.ReadAllBytes(checkpoint);

    private ReadOnlySpan<int> Header => MemoryMarshal.Cast<byte, int>(_file.AsSpan(0, 28));

    /// <summary>The pieces of a llama2.c tokenizer file: max length, then (score, length, bytes) per token.</summary>
    public static string[] ReadPieces(string path, int count)
    {
        ReadOnlySpan<byte> rest = File.ReadAllBytes(path).AsSpan(4);
        var pieces = new string[count];
        for (var i = 0; i < count; i++)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
            pieces[i] = Encoding.UTF8.GetString(rest.Slice(8, length));
            rest = rest[(8 + length)..];
        }

        return pieces;
    }

    /// <summary>Writes the folder. q and k rows go from adjacent pairs to pairs half a head apart.</summary>
    public void Write(string folder)
    {
        var (width, inner, layers, heads, kvHeads, vocabulary, positions) = (Header[0], Header[1], Header[2], Header[3], Header[4], Header[5], Header[6]);
        var (headSize, kvWidth) = (width / heads, width / heads * kvHeads);
        var writer = new SafetensorsWriter();
        void Each(string name, int rows, int columns, int pairedHeads = 0)
        {
            for (var layer = 0; layer < layers; layer++)
            {
                var values = Take(rows * columns);
                long[] shape = rows == 1 ? [columns] : [rows, columns];
                writer.Add($"model.layers.{layer}.{name}.weight", "F32", shape, pairedHeads == 0 ? values : Unpair(values, pairedHeads, headSize, columns));
            }
        }

        writer.Add("model.embed_tokens.weight", "F32", [vocabulary, width], Take(vocabulary * width));
        Each("input_layernorm", 1, width);
        Each("self_attn.q_proj", width, width, heads);
        Each("self_attn.k_proj", kvWidth, width, kvHeads);
        Each("self_attn.v_proj", kvWidth, width);
        Each("self_attn.o_proj", width, width);
        Each("post_attention_layernorm", 1, width);
        Each("mlp.gate_proj", inner, width);
        Each("mlp.down_proj", width, inner);
        Each("mlp.up_proj", inner, width);
        writer.Add("model.norm.weight", "F32", [width], Take(width));
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), writer.ToArray());
        File.WriteAllText(Path.Combine(folder, "config.json"), Config(width, inner, layers, heads, kvHeads, vocabulary, positions).ToJsonString());
    }

    private static JsonObject Config(int width, int inner, int layers, int heads, int kvHeads, int vocabulary, int positions) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["hidden_size"] = width,
        ["intermediate_size"] = inner,
        ["num_hidden_layers"] = layers,
        ["num_attention_heads"] = heads,
        ["num_key_value_heads"] = kvHeads,
        ["vocab_size"] = vocabulary,
        ["max_position_embeddings"] = positions,
        ["rms_norm_eps"] = 1e-5,
        ["tie_word_embeddings"] = true,
    };

    private static float[] Unpair(ReadOnlySpan<float> values, int heads, int headSize, int columns)
    {
        var result = new float[values.Length];
        for (var row = 0; row < heads * headSize; row++)
        {
            var (head, i) = (row / headSize, row % headSize);
            var source = (head * headSize) + (i < headSize / 2 ? 2 * i : (2 * (i - (headSize / 2))) + 1);
            values.Slice(source * columns, columns).CopyTo(result.AsSpan(row * columns));
        }

        return result;
    }

    private ReadOnlySpan<float> Take(int count)
    {
        var values = MemoryMarshal.Cast<byte, float>(_file).Slice(_next, count);
        _next += count;
        return values;
    }
}
