using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// The decoder that all families share: embed; per layer norm, fused qkv, rotate and append, attend, o onto the residual,
/// norm, fused gate and up, gate·mul, down onto the residual (or, in layers that have them, the same of the experts that a token chose); at the end gather, norm, logits, sample. Where the family norms what attention and MLP give
/// back (Gemma), o and down go to a buffer of their own, and the norm adds it to the residual; where it norms nothing before them (OLMo 2), they read the residual rounded. Where the MLP reads what
/// attention reads (Command R), there is one norm for both, and either is added to the residual. Layers may remember in the place of attending (Qwen 3.5). Tensor names are Hugging Face's.
/// </summary>
internal sealed class DecoderProgram
{
    private const string Bias = "bias";

    private readonly ProgramWriter _writer = new();
    private readonly ModelConfig _config;
    private readonly ModelShape _shape;
    private readonly int _positions;
    private readonly int _residual;
    private readonly int _normed;
    private readonly int _qkv;
    private readonly int _query;
    private readonly int _attended;
    private readonly int _gateUp;
    private readonly int _activated;
    private readonly int _projected;
    private readonly int _outputGate;
    private readonly int _gated;
    private readonly MixtureLayers? _mixture;
    private readonly DeltaRuleLayers? _recurrence;
    private int _kvLayers;

    private DecoderProgram(ModelConfig config, int positions)
    {
        _config = config;
        _positions = positions;
        _shape = config.Shape;
        _residual = _writer.Buffer("residual", _shape.HiddenSize, BufferElement.Float32);
        _normed = _writer.Buffer("normed", _shape.HiddenSize, BufferElement.BFloat16);
        _qkv = _writer.Buffer("qkv", _shape.QueryWidth + (2 * _shape.KvWidth), BufferElement.Float32);
        _query = _writer.Buffer("query", _shape.QueryWidth, BufferElement.BFloat16);
        _attended = _writer.Buffer("attended", _shape.QueryWidth, BufferElement.BFloat16);
        _gated = _attended;
        if (config.GatesAttention)
        {
            _outputGate = _writer.Buffer("output gate", _shape.QueryWidth, BufferElement.Float32);
            _gated = _writer.Buffer("gated", _shape.QueryWidth, BufferElement.BFloat16);
        }

        _recurrence = config.Recurrence is { } rule ? new DeltaRuleLayers(_writer, rule, _shape.HiddenSize, config.RmsEpsilon) : null;
        _mixture = config.Mixture is { } mixture ? new MixtureLayers(_writer, mixture, _shape.HiddenSize) : null;
        if (Enumerable.Range(0, _shape.LayerCount).Any(IsDense))
        {
            _gateUp = config.Mlp.HasGate
                ? _writer.Buffer("gate_up", 2 * _shape.IntermediateSize, BufferElement.BFloat16)
                : _writer.Buffer("up", _shape.IntermediateSize, BufferElement.BFloat16);
            _activated = _writer.Buffer("activated", _shape.IntermediateSize, BufferElement.BFloat16);
        }

        _projected = config.Norms.AreBehind ? _writer.Buffer("projected", _shape.HiddenSize, BufferElement.Float32) : _residual;
    }

    /// <summary>Builds the program of a config for sequences of up to <paramref name="positions"/> positions.</summary>
    public static ModelProgram Build(string name, ModelConfig config, int positions)
    {
        var shape = config.Shape;
        var program = new DecoderProgram(config, positions);
        var embedding = program._writer.Matrix(
            "embedding", shape.HiddenSize, WeightKind.Embedding, (config.TensorPrefix + TensorNames.Embedding, shape.VocabularySize));
        program._writer.Op(new EmbedOp(program._residual, embedding, config.EmbeddingScale));
        for (var layer = 0; layer < shape.LayerCount; layer++)
        {
            program.AddNorm(layer, config.Norms.Input);
            program.AddMixer(layer);
            program.AddMlp(layer);
        }

        program.AddHead(embedding);
        return program._writer.ToProgram(name, shape, program.CreateRope(), config.Mixture?.Shape);
    }

    /// <summary>The model's table; then that of layers with a window, if it is another; then one that turns nothing, if layers want it.</summary>
    private RopeTable CreateRope()
    {
        var tables = new List<RopeTable> { RopeFrequencies.CreateTable(_config.Rope, _shape.HeadSize, _positions, _config.RotatedSize) };
        if (_config.LocalRope is { } local)
        {
            tables.Add(RopeFrequencies.CreateTable(local, _shape.HeadSize, _positions));
        }

        if (_config.UnrotatedLayers.Count > 0)
        {
            tables.Add(RopeTable.Create(_positions, new double[_shape.HeadSize / 2]));
        }

        return tables.Count == 1 ? tables[0] : RopeTable.Join([.. tables]);
    }

    private int TableOf(int layer, int window)
    {
        if (_config.UnrotatedLayers.Contains(layer))
        {
            return _config.LocalRope is null ? 1 : 2;
        }

        return window > 0 && _config.LocalRope is not null ? 1 : 0;
    }

    /// <summary>A window as attention needs to know it: one that holds every position is none, and kernels that know no windows run it.</summary>
    private int Bounding(int window) => window < _positions ? window : 0;

    private bool IsDense(int layer) => _config.Mixture is not { } mixture || mixture.DenseLayers.Contains(layer);

    private string LayerPrefix(int layer) => $"{_config.TensorPrefix}model.layers.{layer}.";

    /// <summary>Attention, or what a layer has in its place.</summary>
    private void AddMixer(int layer)
    {
        if (_config.Recurrence?.Layers.Contains(layer) == true)
        {
            _recurrence!.Add(layer, LayerPrefix(layer), _normed, _residual);
            return;
        }

        AddAttention(layer);
    }

    private void AddAttention(int layer)
    {
        var prefix = LayerPrefix(layer) + "self_attn.";
        var (hidden, queryWidth, kvWidth) = (_shape.HiddenSize, _shape.QueryWidth, _shape.KvWidth);
        var (order, fusedQkv) = (OrderOfHeads(), _config.FusedQkv ? "qkv_proj" : null);
        var weight = _writer.Matrix(
            $"layer {layer} qkv",
            hidden,
            WeightKind.Matrix,
            Part(prefix, fusedQkv, "q_proj", 0, queryWidth) with { Order = _config.GatesAttention ? new GroupOrder(_shape.HeadSize, 2 * _shape.HeadSize, 0) { Inner = order } : order },
            Part(prefix, fusedQkv, "k_proj", queryWidth, kvWidth) with { Order = order },
            Part(prefix, fusedQkv, "v_proj", queryWidth + kvWidth, kvWidth));
        int? bias = !_config.QkvBias ? null : _writer.Vector(
            $"layer {layer} qkv bias",
            Part(prefix, fusedQkv, "q_proj", 0, queryWidth, Bias) with { Order = order },
            Part(prefix, fusedQkv, "k_proj", queryWidth, kvWidth, Bias) with { Order = order },
            Part(prefix, fusedQkv, "v_proj", queryWidth + kvWidth, kvWidth, Bias));
        _writer.Op(new LinearOp(_normed, _qkv, weight, bias, LinearOutput.Keep,
        [
            _writer.Slice(layer, Projection.Query, hidden, 0, queryWidth),
            _writer.Slice(layer, Projection.Key, hidden, queryWidth, kvWidth),
            _writer.Slice(layer, Projection.Value, hidden, queryWidth + kvWidth, kvWidth),
        ]));
        AddOutputGate(layer, prefix);
        AddNormOfHeads(prefix + "q_norm.weight", 0, queryWidth);
        AddNormOfHeads(prefix + "k_norm.weight", queryWidth, kvWidth);
        AddLayerNormOfHeads(prefix + "q", 0, _shape.HeadCount);
        AddLayerNormOfHeads(prefix + "k", queryWidth, _shape.KvHeadCount);
        var window = _config.Windows.Count == 0 ? 0 : _config.Windows[layer];
        var table = TableOf(layer, window);
        var (queryNorm, keyNorm) = (HeadNorm($"{prefix}{_config.HeadNormNames.Query}.weight"), HeadNorm($"{prefix}{_config.HeadNormNames.Key}.weight"));
        var kvLayer = _kvLayers++;
        _writer.Op(new RopeAndAppendOp(_qkv, _query, kvLayer, queryNorm, keyNorm, _config.RmsEpsilon, table, _config.NormsTurned));
        var scale = _config.AttentionScale ?? (float)(1 / Math.Sqrt(_shape.HeadSize));
        int? sinks = _config.HasSinks ? _writer.Vector(prefix + "sinks", (prefix + "sinks", _shape.HeadCount)) : null;
        _writer.Op(new PagedAttentionOp(_query, _attended, kvLayer, scale, Bounding(window), _config.ScoreCap, sinks));
        if (_config.GatesAttention)
        {
            _writer.Op(new SigmoidMulOp(_attended, _outputGate, _gated));
        }

        AddOntoResidual(layer, Projection.Output, prefix + _config.OutputName, _gated, queryWidth, _config.OutputBias);
        AddNormBehind(layer, _config.Norms.Attended);
    }

    /// <summary>What attention's output is multiplied by, head by head: rows of q's projection, behind those of each head.</summary>
    private void AddOutputGate(int layer, string prefix)
    {
        if (!_config.GatesAttention)
        {
            return;
        }

        var (size, width) = (_shape.HeadSize, _shape.QueryWidth);
        var weight = _writer.Matrix(
            $"layer {layer} output gate", _shape.HiddenSize, WeightKind.Matrix, new WeightPart(prefix + "q_proj.weight", 0, width) { Order = new GroupOrder(size, 2 * size, size) });
        _writer.Op(new LinearOp(_normed, _outputGate, weight, null, LinearOutput.Keep, [_writer.Slice(layer, Projection.OutputGate, _shape.HiddenSize, 0, width)]));
    }

    private void AddMlp(int layer)
    {
        var names = _config.Mlp;
        var prefix = LayerPrefix(layer) + names.Module;
        if (!_config.Norms.AreShared)
        {
            AddNorm(layer, _config.Norms.MlpInput);
        }

        if (!IsDense(layer))
        {
            _mixture!.Add(layer, LayerPrefix(layer), _normed, _residual, _config.Activation, _config.GateLimit);
            return;
        }

        if (names.HasGate)
        {
            AddGateUp(layer, prefix, names.GateUp);
        }
        else
        {
            AddUp(layer, prefix + names.Up);
        }

        AddOntoResidual(layer, Projection.Down, prefix + names.Down, _activated, _shape.IntermediateSize, _config.MlpBias);
        AddNormBehind(layer, _config.Norms.MlpOutput);
    }

    private void AddGateUp(int layer, string prefix, string name)
    {
        var (hidden, width, fused) = (_shape.HiddenSize, _shape.IntermediateSize, _config.FusedGateUp ? name : null);
        var weight = _writer.Matrix(
            $"layer {layer} gate_up", hidden, WeightKind.Matrix, Part(prefix, fused, "gate_proj", 0, width), Part(prefix, fused, "up_proj", width, width));
        int? bias = !_config.MlpBias ? null : _writer.Vector(
            $"layer {layer} gate_up bias", (prefix + "gate_proj.bias", width), (prefix + "up_proj.bias", width));
        _writer.Op(new LinearOp(_normed, _gateUp, weight, bias, LinearOutput.Round,
        [
            _writer.Slice(layer, Projection.Gate, hidden, 0, width),
            _writer.Slice(layer, Projection.Up, hidden, width, width),
        ]));
        _writer.Op(new GateMulOp(_gateUp, _activated, _config.Activation, _config.GateLimit));
    }

    private void AddUp(int layer, string tensor)
    {
        var (hidden, width) = (_shape.HiddenSize, _shape.IntermediateSize);
        var weight = _writer.Matrix($"layer {layer} up", hidden, WeightKind.Matrix, (tensor + ".weight", width));
        int? bias = _config.MlpBias ? _writer.Vector(tensor + ".bias", (tensor + ".bias", width)) : null;
        _writer.Op(new LinearOp(_normed, _gateUp, weight, bias, LinearOutput.Round, [_writer.Slice(layer, Projection.Up, hidden, 0, width)]));
        int? numbers = _config.UngatedActivation == MlpActivation.XIelu ? AddNumbers(LayerPrefix(layer) + _config.Mlp.Module + "act_fn.") : null;
        _writer.Op(new ActivationOp(_gateUp, _activated, _config.UngatedActivation, numbers));
    }

    /// <summary>xIELU's four numbers.</summary>
    private int AddNumbers(string prefix)
    {
        WeightPart Part(string name, bool isSoftplus) => new(prefix + name, 0, 1) { IsSoftplus = isSoftplus };

        return _writer.Vector(prefix + "numbers", Part("alpha_p", true), Part("alpha_n", true), Part("beta", false), Part("eps", false));
    }

    /// <summary>A projection's rows: of a tensor of its own, or of one that holds its neighbours too.</summary>
    private static WeightPart Part(string prefix, string? fused, string name, int firstRow, int rows, string kind = "weight") =>
        fused is null ? new WeightPart($"{prefix}{name}.{kind}", 0, rows) : new WeightPart($"{prefix}{fused}.{kind}", 0, rows) { FirstRow = firstRow };

    /// <summary>The order in which the rows of q and k heads are kept, if it is not the checkpoint's.</summary>
    private HeadOrder? OrderOfHeads()
    {
        var rotated = _config.RotatedSize ?? _shape.HeadSize;
        return rotated < _shape.HeadSize || _config.RotatesNeighbours ? new HeadOrder(_shape.HeadSize, rotated, _config.RotatesNeighbours) : null;
    }

    /// <summary>The end of the network, for the rows that are sampled or scored.</summary>
    private void AddHead(int embedding)
    {
        var last = _writer.Buffer("last", _shape.HiddenSize, BufferElement.Float32, BufferRows.Output);
        var lastNormed = _writer.Buffer("last_normed", _shape.HiddenSize, BufferElement.BFloat16, BufferRows.Output);
        var logits = _writer.Buffer("logits", _shape.VocabularySize, BufferElement.Float32, BufferRows.Output);
        _writer.Op(new GatherOp(_residual, last));

        // A power of two changes no bit where it is put; the norm has it for nothing.
        var isPower = float.IsPow2(_config.LogitScale) && !_config.HeadBias;
        AddNorm(last, lastNormed, _config.TensorPrefix + _config.Norms.Final, isPower ? _config.LogitScale : 1);
        var head = _config.TiedEmbeddings
            ? embedding
            : _writer.Matrix("lm_head", _shape.HiddenSize, WeightKind.Matrix, (_config.TensorPrefix + TensorNames.Head, _shape.VocabularySize));
        int? bias = _config.HeadBias ? _writer.Vector("lm_head bias", (_config.TensorPrefix + TensorNames.HeadBias, _shape.VocabularySize)) : null;
        _writer.Op(new LogitsOp(lastNormed, logits, head, Cap: _config.LogitCap, Scale: isPower ? 1 : _config.LogitScale, Bias: bias));
        _writer.Op(new SampleOp(logits));
    }

    /// <summary>The norm before attention or MLP, or the rounding in its place.</summary>
    private void AddNorm(int layer, string? name)
    {
        if (name is null)
        {
            _writer.Op(new RmsNormOp(_residual, _normed, null, _config.RmsEpsilon));
            return;
        }

        AddNorm(_residual, _normed, LayerPrefix(layer) + name, 1);
    }

    /// <summary>A norm of a whole row, whose result is multiplied by a power of two.</summary>
    private void AddNorm(int input, int output, string tensor, float scale)
    {
        var weight = _writer.Vector(tensor + ".weight", _shape.HiddenSize, _config.NormOffset, scale);
        if (!_config.CentresNorms)
        {
            _writer.Op(new RmsNormOp(input, output, weight, _config.RmsEpsilon));
            return;
        }

        int? bias = _config.NormBias ? _writer.Vector(tensor + ".bias", _shape.HiddenSize, 0, scale) : null;
        _writer.Op(new LayerNormOp(input, output, weight, bias, _config.RmsEpsilon));
    }

    /// <summary>The norm between what attention or MLP give back and the residual stream.</summary>
    private void AddNormBehind(int layer, string? name)
    {
        if (name is not null)
        {
            _writer.Op(new RmsNormOp(_projected, _residual, NormOf(layer, name), _config.RmsEpsilon, Accumulate: true));
        }
    }

    /// <summary>The norm of all heads of q or k together.</summary>
    private void AddNormOfHeads(string tensor, int firstColumn, int width)
    {
        if (_config.NormsHeadsTogether)
        {
            _writer.Op(new RmsNormOp(_qkv, _qkv, NormWeight(tensor, width), _config.RmsEpsilon, FirstColumn: firstColumn));
        }
    }

    /// <summary>The LayerNorm of every head of q or k by itself, its weight in the order of the head's elements.</summary>
    private void AddLayerNormOfHeads(string prefix, int firstColumn, int heads)
    {
        if (_config.HeadNorms == HeadNorms.None)
        {
            return;
        }

        var (size, order) = (_shape.HeadSize, OrderOfHeads());
        WeightPart[] parts = _config.HeadNorms == HeadNorms.Together
            ? [new WeightPart(prefix + "_norm.weight", 0, heads * size) { TensorRows = heads, Order = order }]
            : [.. Enumerable.Range(0, heads).Select(head => new WeightPart($"{prefix}_layernorm.norms.{head}.weight", 0, size) { Order = order })];
        _writer.Op(new LayerNormOp(_qkv, _qkv, _writer.Vector(prefix + " norms", parts), null, _config.RmsEpsilon, firstColumn));
    }

    private int? NormOf(int layer, string? name) => name is null ? null : NormWeight($"{LayerPrefix(layer)}{name}.weight", _shape.HiddenSize);

    /// <summary>The norm of each head, its weight in the order of the head's elements.</summary>
    private int? HeadNorm(string tensor) => !_config.QueryKeyNorm ? null
        : OrderOfHeads() is { } order ? _writer.Vector(tensor, _config.NormOffset, new WeightPart(tensor, 0, _shape.HeadSize) { Order = order })
        : NormWeight(tensor, _shape.HeadSize);

    private int NormWeight(string tensor, int length) => _writer.Vector(tensor, _config.NormOffset, (tensor, length));

    private void AddOntoResidual(int layer, Projection projection, string tensor, int input, int inputWidth, bool hasBias)
    {
        var hidden = _shape.HiddenSize;
        var weight = _writer.Matrix($"layer {layer} {projection}", inputWidth, WeightKind.Matrix, (tensor + ".weight", hidden));
        int? bias = hasBias ? _writer.Vector(tensor + ".bias", (tensor + ".bias", hidden)) : null;
        var slice = _writer.Slice(layer, projection, inputWidth, 0, hidden);
        _writer.Op(new LinearOp(input, _projected, weight, bias, _config.Norms.AreBehind ? LinearOutput.Keep : LinearOutput.Accumulate, [slice]));
    }
}
