using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Layers that remember, and the steps that they are measured in.</summary>
/// <param name="Heads">Heads of a layer.</param>
/// <param name="Page">The model whose pages states lie in: its layers with keys and values, their heads and their size.</param>
/// <param name="DecodeRows">Rows of a step that decodes.</param>
/// <param name="PrefillRows">Rows of a step of a prompt.</param>
/// <param name="Layers">Layers, each with a state of its own.</param>
internal sealed record RecurrenceSize(DeltaRuleHeads Heads, (int Layers, int KvHeads, int HeadSize) Page, int DecodeRows, int PrefillRows, int Layers)
{
    private const int Taps = 4;

    /// <summary>Rows of the tables that stand for what projections would compute.</summary>
    private const int Tokens = 64;

    /// <summary>Qwen3-Next-80B-A3B. As many layers as keep the step's own launches out of the figure.</summary>
    public static RecurrenceSize Qwen3Next { get; } = new(new DeltaRuleHeads(16, 32, 128, 128), (12, 2, 256), 32, 2048, 12);

    /// <summary>Enough to show that it runs.</summary>
    public static RecurrenceSize Tiny { get; } = new(new DeltaRuleHeads(1, 2, 16, 16), (1, 1, 64), 6, 40, 2);

    /// <summary>Columns that are convolved.</summary>
    private int Columns => (2 * Heads.KeyHeads * Heads.KeySize) + Values;

    private int Values => Heads.ValueHeads * Heads.ValueSize;

    private long LayerStateBytes => sizeof(float) * (((Taps - 1L) * Columns) + ((long)Heads.ValueHeads * Heads.KeySize * Heads.ValueSize));

    /// <summary>Bytes that a row of a sequence that decodes reads and writes in a layer: its state once each, its inputs, what is convolved, its output.</summary>
    public double BytesPerRow => (2.0 * LayerStateBytes) + (sizeof(float) * ((3.0 * Columns) + Values)) + (sizeof(ushort) * Values);

    /// <summary>The token of a row.</summary>
    public static int TokenOf(int row) => row % Tokens;

    /// <summary>Convolutions and delta rules and nothing else: what projections would compute is looked up by token.</summary>
    public ModelProgram Program()
    {
        ProgramBuffer[] buffers =
        [
            new("mixed", Values + Columns, BufferElement.Float32, BufferRows.Step),
            new("convolved", Columns, BufferElement.Float32, BufferRows.Step),
            new("rates", 2 * Heads.ValueHeads, BufferElement.Float32, BufferRows.Step),
            new("remembered", Values, BufferElement.BFloat16, BufferRows.Step),
        ];
        List<WeightSpec> weights = [new(0, "mixed", Tokens, Values + Columns, WeightKind.Embedding, []), new(1, "rates", Tokens, 2 * Heads.ValueHeads, WeightKind.Embedding, [])];
        List<ProgramOp> ops = [new EmbedOp(0, 0), new EmbedOp(2, 1)];
        for (var layer = 0; layer < Layers; layer++)
        {
            var offset = layer * LayerStateBytes;
            ops.Add(new ConvolutionOp(0, Values, 1, Vector("taps", Taps * Columns), null, Taps, Silu: true, offset));
            ops.Add(new DeltaRuleOp(
                1, 0, 0, 2, 3, Vector("rate", Heads.ValueHeads), Vector("decay bias", Heads.ValueHeads), Vector("norm", Heads.ValueSize), 1e-6f, Heads, offset + (sizeof(float) * (Taps - 1L) * Columns)));
        }

        var shape = new ModelShape(Values, Values, Page.Layers, Page.KvHeads, Page.KvHeads, Page.HeadSize, Tokens) { StateBytes = Layers * LayerStateBytes };
        return new ModelProgram("recurrence", shape, RopeTable.Create(1, new double[Page.HeadSize / 2]), buffers, weights, [], ops);

        int Vector(string name, int columns)
        {
            weights.Add(new WeightSpec(weights.Count, name, 1, columns, WeightKind.Vector, []) { Format = WeightFormat.Float32 });
            return weights.Count - 1;
        }
    }
}
