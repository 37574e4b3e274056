using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// The decoder that Llama, Mistral and Qwen share: embed; per layer norm, fused qkv, rotate and append, attend, o onto the residual,
/// norm, fused gate and up, SiLU·mul, down onto the residual; at the end gather, norm, logits, sample. Tensor names are Hugging Face's.
/// </summary>
internal sealed class DecoderProgram
{
    private readonly ProgramWriter _writer = new();
    private readonly ModelConfig _config;
    private readonly ModelShape _shape;
    private readonly int _residual;
    private readonly int _normed;
    private readonly int _qkv;
    private readonly int _query;
    private readonly int _attended;
    private readonly int _gateUp;
    private readonly int _activated;

    private DecoderProgram(ModelConfig config)
    {
        _config = config;
        _shape = config.Shape;
        _residual = _writer.Buffer("residual", _shape.HiddenSize, BufferElement.Float32);
        _normed = _writer.Buffer("normed", _shape.HiddenSize, BufferElement.BFloat16);
        _qkv = _writer.Buffer("qkv", _shape.QueryWidth + (2 * _shape.KvWidth), BufferElement.Float32);
        _query = _writer.Buffer("query", _shape.QueryWidth, BufferElement.BFloat16);
        _attended = _writer.Buffer("attended", _shape.QueryWidth, BufferElement.BFloat16);
        _gateUp = _writer.Buffer("gate_up", 2 * _shape.IntermediateSize, BufferElement.BFloat16);
        _activated = _writer.Buffer("activated", _shape.IntermediateSize, BufferElement.BFloat16);
    }

    /// <summary>Builds the program of a config for sequences of up to <paramref name="positions"/> positions.</summary>
    public static ModelProgram Build(string name, ModelConfig config, int positions)
    {
        var shape = config.Shape;
        var program = new DecoderProgram(config);
        var embedding = program._writer.Matrix(
            "embedding", shape.HiddenSize, WeightKind.Embedding, (TensorNames.Embedding, shape.VocabularySize));
        program._writer.Op(new EmbedOp(program._residual, embedding));
        for (var layer = 0; layer < shape.LayerCount; layer++)
        {
            program.AddAttention(layer);
            program.AddMlp(layer);
        }

        program.AddHead(embedding);
        return program._writer.ToProgram(name, shape, RopeFrequencies.CreateTable(config.Rope, shape.HeadSize, positions));
    }

    private void AddAttention(int layer)
    {
        var prefix = $"model.layers.{layer}.self_attn.";
        var (hidden, queryWidth, kvWidth) = (_shape.HiddenSize, _shape.QueryWidth, _shape.KvWidth);
        AddNorm($"model.layers.{layer}.input_layernorm.weight", _residual, _normed);
        var weight = _writer.Matrix(
            $"layer {layer} qkv",
            hidden,
            WeightKind.Matrix,
            (prefix + "q_proj.weight", queryWidth),
            (prefix + "k_proj.weight", kvWidth),
            (prefix + "v_proj.weight", kvWidth));
        int? bias = !_config.QkvBias ? null : _writer.Vector(
            $"layer {layer} qkv bias", (prefix + "q_proj.bias", queryWidth), (prefix + "k_proj.bias", kvWidth), (prefix + "v_proj.bias", kvWidth));
        _writer.Op(new LinearOp(_normed, _qkv, weight, bias, LinearOutput.Keep,
        [
            _writer.Slice(layer, Projection.Query, hidden, 0, queryWidth),
            _writer.Slice(layer, Projection.Key, hidden, queryWidth, kvWidth),
            _writer.Slice(layer, Projection.Value, hidden, queryWidth + kvWidth, kvWidth),
        ]));
        _writer.Op(new RopeAndAppendOp(_qkv, _query, layer, HeadNorm(prefix + "q_norm.weight"), HeadNorm(prefix + "k_norm.weight"), _config.RmsEpsilon));
        _writer.Op(new PagedAttentionOp(_query, _attended, layer, (float)(1 / Math.Sqrt(_shape.HeadSize))));
        AddOntoResidual(layer, Projection.Output, prefix + "o_proj", _attended, queryWidth, _config.OutputBias);
    }

    private void AddMlp(int layer)
    {
        var prefix = $"model.layers.{layer}.mlp.";
        var (hidden, width) = (_shape.HiddenSize, _shape.IntermediateSize);
        AddNorm($"model.layers.{layer}.post_attention_layernorm.weight", _residual, _normed);
        var weight = _writer.Matrix(
            $"layer {layer} gate_up", hidden, WeightKind.Matrix, (prefix + "gate_proj.weight", width), (prefix + "up_proj.weight", width));
        int? bias = !_config.MlpBias ? null : _writer.Vector(
            $"layer {layer} gate_up bias", (prefix + "gate_proj.bias", width), (prefix + "up_proj.bias", width));
        _writer.Op(new LinearOp(_normed, _gateUp, weight, bias, LinearOutput.Round,
        [
            _writer.Slice(layer, Projection.Gate, hidden, 0, width),
            _writer.Slice(layer, Projection.Up, hidden, width, width),
        ]));
        _writer.Op(new SiluMulOp(_gateUp, _activated));
        AddOntoResidual(layer, Projection.Down, prefix + "down_proj", _activated, width, _config.MlpBias);
    }

    /// <summary>The end of the network, for the rows that are sampled or scored.</summary>
    private void AddHead(int embedding)
    {
        var last = _writer.Buffer("last", _shape.HiddenSize, BufferElement.Float32, BufferRows.Output);
        var lastNormed = _writer.Buffer("last_normed", _shape.HiddenSize, BufferElement.BFloat16, BufferRows.Output);
        var logits = _writer.Buffer("logits", _shape.VocabularySize, BufferElement.Float32, BufferRows.Output);
        _writer.Op(new GatherOp(_residual, last));
        AddNorm("model.norm.weight", last, lastNormed);
        var head = _config.TiedEmbeddings
            ? embedding
            : _writer.Matrix("lm_head", _shape.HiddenSize, WeightKind.Matrix, (TensorNames.Head, _shape.VocabularySize));
        _writer.Op(new LogitsOp(lastNormed, logits, head));
        _writer.Op(new SampleOp(logits));
    }

    private void AddNorm(string tensor, int input, int output)
    {
        var weight = _writer.Vector(tensor, (tensor, _shape.HiddenSize));
        _writer.Op(new RmsNormOp(input, output, weight, _config.RmsEpsilon));
    }

    private int? HeadNorm(string tensor) => _config.QueryKeyNorm ? _writer.Vector(tensor, (tensor, _shape.HeadSize)) : null;

    private void AddOntoResidual(int layer, Projection projection, string tensor, int input, int inputWidth, bool hasBias)
    {
        var hidden = _shape.HiddenSize;
        var weight = _writer.Matrix($"layer {layer} {projection}", inputWidth, WeightKind.Matrix, (tensor + ".weight", hidden));
        int? bias = hasBias ? _writer.Vector(tensor + ".bias", (tensor + ".bias", hidden)) : null;
        var slice = _writer.Slice(layer, projection, inputWidth, 0, hidden);
        _writer.Op(new LinearOp(input, _residual, weight, bias, LinearOutput.Accumulate, [slice]));
    }
}
