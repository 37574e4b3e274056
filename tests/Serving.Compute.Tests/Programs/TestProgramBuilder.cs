using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

/// <summary>Writes down the operations of a Llama-type model, with Qwen2's biases, Qwen3's head norms and what Gemma has where the shape asks for them.</summary>
internal sealed class TestProgramBuilder
{
    private readonly TestShape _shape;
    private readonly List<ProgramBuffer> _buffers = [];
    private readonly List<WeightSpec> _weights = [];
    private readonly List<LoraSlice> _slices = [];
    private readonly List<ProgramOp> _ops = [];
    private long _stateBytes;

    private TestProgramBuilder(TestShape shape)
    {
        _shape = shape;
    }

    private int QueryWidth => _shape.Heads * _shape.HeadSize;

    private int KvWidth => _shape.KvHeads * _shape.HeadSize;

    private bool NormsBehind => _shape.Gemma || _shape.Olmo;

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
        var gateUp = Buffer("gate_up", s.Centred ? s.Intermediate : 2 * s.Intermediate, BufferElement.BFloat16);
        var activated = Buffer("activated", s.Intermediate, BufferElement.BFloat16);
        var embedding = Weight("embedding", s.Vocabulary, s.Hidden, WeightKind.Embedding);
        var projected = NormsBehind ? Buffer("projected", s.Hidden, BufferElement.Float32) : residual;
        _ops.Add(new EmbedOp(residual, embedding, s.Gemma ? 1.75f : 1));
        for (var layer = 0; layer < s.Layers; layer++)
        {
            AddNorm("input_norm", residual, normed);
            if ((layer + 1) % s.AttendsEvery == 0)
            {
                AddAttention(layer, projected, normed, qkv, queries, attended);
            }
            else
            {
                AddRecurrence(layer, normed, projected);
            }

            AddOntoResidual("after_attention_norm", projected, residual);
            if (!s.Centred || layer % 2 == 0)
            {
                AddNorm("post_norm", residual, normed);
            }

            if (s.Experts > 0)
            {
                AddMixture(layer, normed, residual);
                continue;
            }

            AddGateUp(layer, normed, gateUp, activated);
            AddLinear(layer, activated, projected, "down", null, NormsBehind ? LinearOutput.Keep : LinearOutput.Accumulate, (Projection.Down, s.Hidden));
            AddOntoResidual("after_mlp_norm", projected, residual);
        }

        AddHead(residual, embedding);
        var shape = new ModelShape(s.Hidden, s.Intermediate, s.Layers, s.Heads, s.KvHeads, s.HeadSize, s.Vocabulary)
        {
            KeyValues = s.KeyValues,
            KvLayerCount = s.Layers / s.AttendsEvery,
            StateBytes = _stateBytes,
        };
        var program = new ModelProgram("test", shape, s.Window == 0 ? Rope(10_000) : RopeTable.Join(Rope(10_000), Rope(500)), _buffers, _weights, _slices, _ops)
        {
            Mixture = s.Experts > 0 ? new MixtureShape(s.Experts, s.Choices) : null,
        };
        return ProgramQuantization.Apply(program, s.Format);
    }

    private RopeTable Rope(double theta) =>
        RopeTable.Create(_shape.Positions, [.. Enumerable.Range(0, _shape.HeadSize / 2).Select(i => Math.Pow(theta, -2.0 * i / _shape.HeadSize))]);

    /// <summary>The norm before a part of the layer, or at the end.</summary>
    private void AddNorm(string name, int input, int output) => _ops.Add(_shape.Centred
        ? new LayerNormOp(input, output, Vector(name, _shape.Hidden), name == "final_norm" ? null : Vector(name + "_bias", _shape.Hidden), TestProgram.Epsilon)
        : new RmsNormOp(input, output, _shape.Olmo && name != "final_norm" ? null : Vector(name, _shape.Hidden), TestProgram.Epsilon));

    private void AddGateUp(int layer, int normed, int gateUp, int activated)
    {
        var width = _shape.Intermediate;
        if (_shape.Centred)
        {
            AddLinear(layer, normed, gateUp, "up", Vector("up_bias", width), LinearOutput.Round, (Projection.Up, width));
            var activation = (MlpActivation)(layer % 3);
            _ops.Add(new ActivationOp(gateUp, activated, activation, activation == MlpActivation.XIelu ? Vector("numbers", 4) : null));
            return;
        }

        AddLinear(layer, normed, gateUp, "gate_up", null, LinearOutput.Round, (Projection.Gate, width), (Projection.Up, width));
        _ops.Add(new GateMulOp(gateUp, activated, _shape.Gemma ? GateActivation.GeluTanh : GateActivation.Silu));
    }

    /// <summary>The norm between what a part of the layer gives back and the residual stream, where the shape has one.</summary>
    private void AddOntoResidual(string name, int projected, int residual)
    {
        if (NormsBehind)
        {
            _ops.Add(new RmsNormOp(projected, residual, Vector(name, _shape.Hidden), TestProgram.Epsilon, Accumulate: true));
        }
    }

    /// <summary>An MLP of experts, its buffers shared by the layers.</summary>
    private void AddMixture(int layer, int normed, int residual)
    {
        var s = _shape;
        var routed = Buffer("routed", s.Experts, BufferElement.Float32);
        var slices = new List<LoraSlice>();
        if (s.AdaptsExperts)
        {
            slices =
            [
                Slice(layer, Projection.Router, s.Hidden, 0, s.Experts, 1),
                Slice(layer, Projection.Gate, s.Hidden, 0, s.Intermediate),
                Slice(layer, Projection.Up, s.Hidden, s.Intermediate, s.Intermediate),
                Slice(layer, Projection.Down, s.Intermediate, 0, s.Hidden),
            ];
        }

        int? routerBias = s.Oss ? Vector("router_bias", s.Experts) : null;
        _ops.Add(new LinearOp(normed, routed, Weight("router", s.Experts, s.Hidden, WeightKind.Matrix), routerBias, LinearOutput.Keep, [.. slices.Take(1)]));
        _ops.Add(new RouteOp(routed, s.Renormalize));
        var input = Buffer("dispatched", s.Hidden, BufferElement.BFloat16, BufferRows.Choice);
        var gateUp = Buffer("experts_gate_up", 2 * s.Intermediate, BufferElement.BFloat16, BufferRows.Choice);
        var activated = Buffer("experts_activated", s.Intermediate, BufferElement.BFloat16, BufferRows.Choice);
        var projected = Buffer("experts_down", s.Hidden, BufferElement.Float32, BufferRows.Choice);
        _ops.Add(new DispatchOp(normed, input));
        _ops.Add(new LinearOp(input, gateUp, Experts("experts_gate_up", 2 * s.Intermediate, s.Hidden), ExpertsBias("experts_gate_up_bias", 2 * s.Intermediate), LinearOutput.Round, [.. slices.Skip(1).Take(2)]));
        _ops.Add(s.Oss ? new GateMulOp(gateUp, activated, GateActivation.SwigluOai, 1.5f) : new GateMulOp(gateUp, activated));
        _ops.Add(new LinearOp(activated, projected, Experts("experts_down", s.Hidden, s.Intermediate), ExpertsBias("experts_down_bias", s.Hidden), LinearOutput.Keep, [.. slices.Skip(3)]));
        _ops.Add(new CombineOp(projected, residual));
        if (s.Shared > 0)
        {
            AddShared(layer, normed, residual);
        }
    }

    private void AddShared(int layer, int normed, int residual)
    {
        var gateUp = Buffer("shared_gate_up", 2 * _shape.Shared, BufferElement.BFloat16);
        var activated = Buffer("shared_activated", _shape.Shared, BufferElement.BFloat16);
        var factor = Buffer("shared_factor", 1, BufferElement.Float32);
        AddLinear(layer, normed, factor, "shared_factor", null, LinearOutput.Keep, (Projection.SharedFactor, 1));
        AddLinear(layer, normed, gateUp, "shared_gate_up", null, LinearOutput.Round, (Projection.SharedGate, _shape.Shared), (Projection.SharedUp, _shape.Shared));
        _ops.Add(new GateMulOp(gateUp, activated, Factor: factor));
        AddLinear(layer, activated, residual, "shared_down", null, LinearOutput.Accumulate, (Projection.SharedDown, _shape.Hidden));
    }

    private LoraSlice Slice(int layer, Projection projection, int inputWidth, int outputOffset, int outputWidth, int? experts = null)
    {
        _slices.Add(new LoraSlice(_slices.Count, layer, projection, inputWidth, outputOffset, outputWidth) { Experts = experts ?? _shape.Experts });
        return _slices[^1];
    }

    private int Experts(string name, int rows, int columns)
    {
        var weight = Weight(name, _shape.Experts * rows, columns, WeightKind.Matrix);
        _weights[weight] = _weights[weight] with { Experts = _shape.Experts };
        return weight;
    }

    private int? ExpertsBias(string name, int rows)
    {
        if (!_shape.Oss)
        {
            return null;
        }

        var bias = Vector(name, _shape.Experts * rows);
        _weights[bias] = _weights[bias] with { Experts = _shape.Experts };
        return bias;
    }

    private void AddAttention(int layer, int projected, int normed, int qkv, int queries, int attended)
    {
        int? bias = _shape.Bias ? Vector("qkv_bias", QueryWidth + (2 * KvWidth)) : null;
        AddLinear(layer, normed, qkv, "qkv", bias, LinearOutput.Keep, (Projection.Query, QueryWidth), (Projection.Key, KvWidth), (Projection.Value, KvWidth));
        int? queryNorm = _shape.HeadNorm && !_shape.Centred ? Vector("q_norm", _shape.HeadSize) : null;
        int? keyNorm = _shape.HeadNorm && !_shape.Centred ? Vector("k_norm", _shape.HeadSize) : null;
        if (_shape.Olmo)
        {
            _ops.Add(new RmsNormOp(qkv, qkv, Vector("queries_norm", QueryWidth), TestProgram.Epsilon, FirstColumn: 0));
            _ops.Add(new RmsNormOp(qkv, qkv, Vector("keys_norm", KvWidth), TestProgram.Epsilon, FirstColumn: QueryWidth));
        }

        if (_shape.Centred && _shape.HeadNorm)
        {
            _ops.Add(new LayerNormOp(qkv, qkv, Vector("queries_norm", QueryWidth), null, TestProgram.Epsilon, FirstColumn: 0));
            _ops.Add(new LayerNormOp(qkv, qkv, Vector("keys_norm", KvWidth), Vector("keys_norm_bias", KvWidth), TestProgram.Epsilon, FirstColumn: QueryWidth));
        }

        var (window, cached) = (layer % 2 == 0 ? _shape.Window : 0, layer / _shape.AttendsEvery);
        _ops.Add(new RopeAndAppendOp(qkv, queries, cached, queryNorm, keyNorm, TestProgram.Epsilon, window > 0 ? 1 : 0, _shape.NormsTurned));
        _ops.Add(new PagedAttentionOp(queries, attended, cached, (float)(1 / Math.Sqrt(_shape.HeadSize)), window, _shape.ScoreCap, _shape.Oss ? Vector("sinks", _shape.Heads) : null));
        if (_shape.OutputGate)
        {
            var gate = Buffer("attention_gate", QueryWidth, BufferElement.Float32);
            AddLinear(layer, normed, gate, "attention_gate", null, LinearOutput.Keep, (Projection.Query, QueryWidth));
            _ops.Add(new SigmoidMulOp(attended, gate, attended));
        }

        AddLinear(layer, attended, projected, "o", _shape.Oss ? Vector("o_bias", _shape.Hidden) : null, NormsBehind ? LinearOutput.Keep : LinearOutput.Accumulate, (Projection.Output, _shape.Hidden));
    }

    /// <summary>A layer that remembers (Gated DeltaNet). What is convolved lies behind the gate in layers of even number, before it in the others.</summary>
    private void AddRecurrence(int layer, int normed, int projected)
    {
        var s = _shape;
        var (keys, values, gateFirst) = (s.KeyHeads * s.KeySize, s.ValueHeads * s.ValueSize, layer % 2 == 0);
        var columns = (2 * keys) + values;
        var mixed = Buffer("mixed", columns + values, BufferElement.Float32);
        var convolved = Buffer("convolved", columns, BufferElement.Float32);
        var rates = Buffer("rates", 2 * s.ValueHeads, BufferElement.Float32);
        var remembered = Buffer("remembered", values, BufferElement.BFloat16);
        (Projection, int)[] parts = [(Projection.Query, columns), (Projection.Gate, values)];
        AddLinear(layer, normed, mixed, "mixed", null, LinearOutput.Keep, gateFirst ? [.. parts.Reverse()] : parts);
        AddLinear(layer, normed, rates, "rates", null, LinearOutput.Keep, (Projection.Key, s.ValueHeads), (Projection.Value, s.ValueHeads));
        int? bias = s.PlainConvolution ? Floats("taps_bias", columns) : null;
        _ops.Add(new ConvolutionOp(mixed, gateFirst ? values : 0, convolved, Floats("taps", s.Taps * columns), bias, s.Taps, !s.PlainConvolution, TakeState((s.Taps - 1) * columns)));
        var heads = new DeltaRuleHeads(s.KeyHeads, s.ValueHeads, s.KeySize, s.ValueSize);
        var (rate, decayBias, norm) = (Floats("rate", s.ValueHeads), Floats("decay_bias", s.ValueHeads), Floats("head_norm", s.ValueSize));

        // Its epsilon is large enough to tell how queries are scaled, which the norm behind it takes out again otherwise.
        _ops.Add(new DeltaRuleOp(convolved, mixed, gateFirst ? 0 : columns, rates, remembered, rate, decayBias, norm, 0.01f, heads, TakeState(s.ValueHeads * s.KeySize * s.ValueSize)));
        AddLinear(layer, remembered, projected, "remembered", null, NormsBehind ? LinearOutput.Keep : LinearOutput.Accumulate, (Projection.Output, s.Hidden));
    }

    /// <summary>Room for floats in a sequence's state.</summary>
    private long TakeState(int floats)
    {
        var offset = _stateBytes;
        _stateBytes += ((floats * sizeof(float)) + 63) / 64 * 64;
        return offset;
    }

    private void AddHead(int residual, int embedding)
    {
        var gathered = Buffer("gathered", _shape.Hidden, BufferElement.Float32, BufferRows.Output);
        var final = Buffer("final", _shape.Hidden, BufferElement.BFloat16, BufferRows.Output);
        var logits = Buffer("logits", _shape.Vocabulary, BufferElement.Float32, BufferRows.Output);
        var head = _shape.Tied ? embedding : Weight("lm_head", _shape.Vocabulary, _shape.Hidden, WeightKind.Matrix);
        _ops.Add(new GatherOp(residual, gathered));
        AddNorm("final_norm", gathered, final);
        _ops.Add(new LogitsOp(final, logits, head, Cap: _shape.LogitCap, Scale: _shape.LogitScale, Bias: _shape.Centred ? Vector("logits_bias", _shape.Vocabulary) : null));
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
        if (_buffers.FindIndex(buffer => buffer.Name == name) is >= 0 and var there)
        {
            return there;
        }

        _buffers.Add(new ProgramBuffer(name, columns, element, rows));
        return _buffers.Count - 1;
    }

    private int Vector(string name, int length) => Weight(name, 1, length, WeightKind.Vector);

    private int Floats(string name, int length)
    {
        var vector = Vector(name, length);
        _weights[vector] = _weights[vector] with { Format = WeightFormat.Float32 };
        return vector;
    }

    private int Weight(string name, int rows, int columns, WeightKind kind)
    {
        var length = kind == WeightKind.Vector ? columns : rows;
        var offset = (_shape.Gemma || _shape.Centred) && name.EndsWith("norm", StringComparison.Ordinal) ? 1 : 0;
        _weights.Add(new WeightSpec(_weights.Count, name, rows, columns, kind, [new WeightPart(name, 0, length)]) { Offset = offset });
        return _weights.Count - 1;
    }
}
