using System.Text;
using System.Text.RegularExpressions;
using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Benchmarks.Cuda;

/// <summary>A model's sizes, and those of the work that it is measured at.</summary>
/// <param name="Name">For the report.</param>
/// <param name="Config">Its config.json.</param>
/// <param name="Batch">Sequences of a decode step.</param>
/// <param name="Many">Sequences of a decode step with as many adapters.</param>
/// <param name="Context">Tokens of each of these.</param>
/// <param name="AttentionContext">Tokens of each of <paramref name="Many"/> sequences whose decode attention is measured.</param>
/// <param name="PrefillRows">Rows of a prompt whose attention is measured.</param>
/// <param name="CopyBytes">Bytes that bandwidths are measured with.</param>
/// <param name="MatrixSize">Rows and columns of the product that the matrix rate is measured with.</param>
/// <param name="Milliseconds">How long a step is repeated for; at least once.</param>
/// <param name="Traffic">Requests with few and with many adapters.</param>
/// <param name="Mixture">Layers of experts, which this model has none of.</param>
/// <param name="Recurrence">Layers that remember, nor any of these.</param>
internal sealed partial record BenchmarkShape(
    string Name,
    string Config,
    int Batch,
    int Many,
    int Context,
    int AttentionContext,
    int PrefillRows,
    long CopyBytes,
    int MatrixSize,
    int Milliseconds,
    TrafficSize Traffic,
    MixtureSize Mixture,
    RecurrenceSize Recurrence)
{
    private const int Positions = 8192;

    /// <summary>Elements of the block of weights: a few times what the host's copies go in pieces of, and small enough for a cache.</summary>
    private const int BlockElements = 4 << 20;

    /// <summary>Drawn once for all backends of a run.</summary>
    private static readonly Lazy<ushort[]> RandomBlock = new(DrawBlock);

    /// <summary>The shape that the bars are for, and one that shows on an emulated device that everything runs.</summary>
    private static readonly BenchmarkShape[] All =
    [
        new("8b", Llama(4096, 14336, 32, 32, 8, 128, 128256), 32, 64, 256, 4096, 8192, 4L << 30, 8192, 1000, TrafficSize.SLora, MixtureSize.Qwen3, RecurrenceSize.Qwen3Next),
        new("tiny", Llama(128, 256, 2, 2, 1, 64, 512), 6, 8, 32, 128, 64, 1 << 20, 64, 0, TrafficSize.Tiny, MixtureSize.Tiny, RecurrenceSize.Tiny),
    ];

    /// <summary>The shape of a name.</summary>
    public static BenchmarkShape Find(string name) => All.First(shape => shape.Name == name);

    /// <summary>The same with fewer layers.</summary>
    public BenchmarkShape WithLayers(int count) => this with { Config = LayerCount().Replace(Config, $"\"num_hidden_layers\":{count}") };

    /// <summary>The model's program.</summary>
    public ModelProgram Program() => ModelRegistry.Build(Name, ModelConfig.Parse(Encoding.UTF8.GetBytes(Config)), Positions);

    /// <summary>Loads random weights: one block of them, over and over, since no figure depends on their values.</summary>
    public static void LoadWeights(IComputeBackend backend, ModelProgram program)
    {
        var block = RandomBlock.Value;
        foreach (var weight in program.Weights)
        {
            var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
            var length = weight.Kind == WeightKind.Vector ? weight.Columns : weight.Rows;
            var most = Math.Max(1, block.Length / width);
            for (var row = 0; row < length; row += most)
            {
                var values = block.AsSpan(0, Math.Min(most, length - row) * width);
                if (weight.Format == WeightFormat.Float32)
                {
                    backend.LoadFloats(weight.Index, row, [.. values.ToArray().Select(BFloat16Bits.ToSingle)]);
                    continue;
                }

                backend.LoadWeight(weight.Index, row, values);
            }
        }
    }

    /// <summary>bf16 of magnitude 2^-7 … 2^-6, either sign.</summary>
    private static ushort[] DrawBlock()
    {
        var random = new Random(1);
        var block = new ushort[BlockElements];
        for (var i = 0; i < block.Length; i++)
        {
            block[i] = (ushort)((random.Next(2) << 15) | (120 << 7) | random.Next(128));
        }

        return block;
    }

    /// <summary>Whether a slice is one of attention: q, k, v or o.</summary>
    public static bool IsAttention(LoraSlice slice) => slice.Projection is Projection.Query or Projection.Key or Projection.Value or Projection.Output;

    [GeneratedRegex("\"num_hidden_layers\":[0-9]+")]
    private static partial Regex LayerCount();

    private static string Llama(int hidden, int intermediate, int layers, int heads, int kvHeads, int headSize, int vocabulary) => $$"""
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":{{hidden}},"intermediate_size":{{intermediate}},"num_hidden_layers":{{layers}},
        "num_attention_heads":{{heads}},"num_key_value_heads":{{kvHeads}},"head_dim":{{headSize}},"vocab_size":{{vocabulary}},"rms_norm_eps":1e-5,"rope_theta":500000.0,
        "max_position_embeddings":{{Positions}},"tie_word_embeddings":false,"hidden_act":"silu","bos_token_id":1,"eos_token_id":2}
        """;
}
