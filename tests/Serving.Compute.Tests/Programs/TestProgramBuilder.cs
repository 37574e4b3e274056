using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

/// <summary>Writes down the operations of a Llama-type model, with Qwen2's biases and Qwen3's head norms where the shape asks for them.</summary>
internal sealed class TestProgramBuilder
{
    private readonly TestShape _shape;
    private readonly List<ProgramBuffer> _buffers = [];
    private readonly List<WeightSpec> _weights = [];
    private readonly List<LoraSlice> _slices = [];
    private readonly List<ProgramOp> _ops = [];

    private TestProgramBuilder(TestShape shape)
    {
        _shape = shape;
    }

    private int QueryWidth => _shape.Heads * _shape.HeadSize;

    private int KvWidth => _shape.KvHeads * _shape.HeadSize;

    /// <summary>The program of a shape.</summary>
    public static ModelProgram Build(TestShape shape) => new TestProgramBuilder(shape).Build();

    private ModelProgram Build()
    {
        var s = _shape;
        var residual = Buffer("residual", s.Hidden, BufferElement.Float32);
        var normed = Buffer("normed", s.Hidden, BufferElement.BFloat16);
        var qkv = Buffer("qkv", QueryWidth + (2 * KvWidth), BufferElement.Float32);
        var queries = Buffer("queries", QueryWidth, BufferElement.BFloat16);
        var attended = Buffer("attended", QueryWidth, BufferElement.BFloat16);
        var gateUp = Buffer("gate_up", 2 * s.Intermediate, BufferElement.BFloat16);
        var activated = Buffer("activated", s.Intermediate, BufferElement.BFloat16);
        var embedding = Weight("embedding", s.Vocabulary, s.Hidden, WeightKind.Embedding);
        _ops.Add(new EmbedOp(residual, embedding));
        for (var layer = 0; layer < s.Layers; layer++)
        {
            _ops.Add(new RmsNormOp(residual, normed, Vector("input_norm", s.Hidden), TestProgram.Epsilon));
            AddAttention(layer, residual, normed, qkv, queries, attended);
            _ops.Add(new RmsNormOp(residual, normed, Vector("post_norm", s.Hidden), TestProgram.Epsilon));
            AddLinear(layer, normed, gateUp, "gate_up", null, LinearOutput.Round, (Projection.Gate, s.Intermediate), (Projection.Up, s.Intermediate));
            _ops.Add(new SiluMulOp(gateUp, activated));
            AddLinear(layer, activated, residual, "down", null, LinearOutput.Accumulate, (Projection.Down, s.Hidden));
        }

        AddHead(residual, embedding);
        var shape = new ModelShape(s.Hidden, s.Intermediate, s.Layers, s.Heads, s.KvHeads, s.HeadSize, s.Vocabulary);
        var frequencies = Enumerable.Range(0, s.HeadSize / 2).Select(i => Math.Pow(10000, -2.0 * i / s.HeadSize)).ToArray();
        var program = new ModelProgram("test", shape, RopeTable.Create(s.Positions, frequencies), _buffers, _weights, _slices, _ops);
        return ProgramQuantization.Apply(program, s.Format);
    }

    private void AddAttention(int layer, int residual, int normed, int qkv, int queries, int attended)
    {
        int? bias = _shape.Bias ? Vector("qkv_bias", QueryWidth + (2 * KvWidth)) : null;
        AddLinear(layer, normed, qkv, "qkv", bias, LinearOutput.Keep, (Projection.Query, QueryWidth), (Projection.Key, KvWidth), (Projection.Value, KvWidth));
        int? queryNorm = _shape.HeadNorm ? Vector("q_norm", _shape.HeadSize) : null;
        int? keyNorm = _shape.HeadNorm ? Vector("k_norm", _shape.HeadSize) : null;
        _ops.Add(new RopeAndAppendOp(qkv, queries, layer, queryNorm, keyNorm, TestProgram.Epsilon));
        _ops.Add(new PagedAttentionOp(queries, attended, layer, (float)(1 / Math.Sqrt(_shape.HeadSize))));
        AddLinear(layer, attended, residual, "o", null, LinearOutput.Accumulate, (Projection.Output, _shape.Hidden));
    }

    private void AddHead(int residual, int embedding)
    {
        var gathered = Buffer("gathered", _shape.Hidden, BufferElement.Float32, BufferRows.Output);
        var final = Buffer("final", _shape.Hidden, BufferElement.BFloat16, BufferRows.Output);
        var logits = Buffer("logits", _shape.Vocabulary, BufferElement.Float32, BufferRows.Output);
        var head = _shape.Tied ? embedding : Weight("lm_head", _shape.Vocabulary, _shape.Hidden, WeightKind.Matrix);
        _ops.Add(new GatherOp(residual, gathered));
        _ops.Add(new RmsNormOp(gathered, final, Vector("final_norm", _shape.Hidden), TestProgram.Epsilon));
        _ops.Add(new LogitsOp(final, logits, head));
        _ops.Add(new SampleOp(logits));
    }

    private void AddLinear(int layer, int input, int output, string name, int? bias, LinearOutput mode, params (Projection Projection, int Width)[] parts)
    {
        var slices = new List<LoraSlice>();
        var offset = 0;
        foreach (var (projection, width) in parts)
        {
            var slice = new LoraSlice(_slices.Count, layer, projection, _buffers[input].Columns, offset, width);
            _slices.Add(slice);
            slices.Add(slice);
            offset += width;
        }

        _ops.Add(new LinearOp(input, output, Weight(name, offset, _buffers[input].Columns, WeightKind.Matrix), bias, mode, slices));
    }

    private int Buffer(string name, int columns, BufferElement element, BufferRows rows = BufferRows.Step)
    {
        _buffers.Add(new ProgramBuffer(name, columns, element, rows));
        return _buffers.Count - 1;
    }

    private int Vector(string name, int length) => Weight(name, 1, length, WeightKind.Vector);

    private int Weight(string name, int rows, int columns, WeightKind kind)
    {
        var length = kind == WeightKind.Vector ? columns : rows;
        _weights.Add(new WeightSpec(_weights.Count, name, rows, columns, kind, [new WeightPart(name, 0, length)]));
        return _weights.Count - 1;
    }
}
