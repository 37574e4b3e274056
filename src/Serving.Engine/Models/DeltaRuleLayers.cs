using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// What layers with a recurrent state have in the place of attention: a Linear for q, k, v and the gate, one for the rates, both kept unrounded; the convolution, the rule with its norm and gate, and the projection onto the
/// residual stream. Layers have parts of a sequence's state one behind the other.
/// </summary>
internal sealed class DeltaRuleLayers
{
    private readonly ProgramWriter _writer;
    private readonly DeltaRuleConfig _rule;
    private readonly int _hidden;
    private readonly float _epsilon;
    private readonly int _mixed;
    private readonly int _convolved;
    private readonly int _rates;
    private readonly int _recalled;
    private long _state;

    /// <summary>Takes the buffers.</summary>
    public DeltaRuleLayers(ProgramWriter writer, DeltaRuleConfig rule, int hidden, float epsilon)
    {
        (_writer, _rule, _hidden, _epsilon) = (writer, rule, hidden, epsilon);
        _mixed = writer.Buffer("mixed", rule.MixedWidth + rule.ValueWidth, BufferElement.Float32);
        _convolved = writer.Buffer("convolved", rule.MixedWidth, BufferElement.Float32);
        _rates = writer.Buffer("rates", 2 * rule.Heads.ValueHeads, BufferElement.Float32);
        _recalled = writer.Buffer("recalled", rule.ValueWidth, BufferElement.BFloat16);
    }

    /// <summary>Adds a layer's; <paramref name="prefix"/> is what its tensors' names begin with.</summary>
    public void Add(int layer, string prefix, int normed, int residual)
    {
        var (heads, mixed, values) = (_rule.Heads, _rule.MixedWidth, _rule.ValueWidth);
        prefix += "linear_attn.";
        var inputs = _writer.Matrix($"layer {layer} mixer inputs", _hidden, WeightKind.Matrix, InputParts(prefix));
        _writer.Op(new LinearOp(normed, _mixed, inputs, null, LinearOutput.Keep,
        [
            _writer.Slice(layer, Projection.MixerInput, _hidden, 0, mixed),
            _writer.Slice(layer, Projection.MixerGate, _hidden, mixed, values),
        ]));
        var rates = _writer.Matrix($"layer {layer} mixer rates", _hidden, WeightKind.Matrix, RateParts(prefix));
        _writer.Op(new LinearOp(normed, _rates, rates, null, LinearOutput.Keep,
        [
            _writer.Slice(layer, Projection.MixerBeta, _hidden, 0, heads.ValueHeads),
            _writer.Slice(layer, Projection.MixerDecay, _hidden, heads.ValueHeads, heads.ValueHeads),
        ]));
        var taps = _writer.Floats(new WeightPart(prefix + "conv1d.weight", 0, _rule.Taps * mixed) { Taps = _rule.Taps });
        _writer.Op(new ConvolutionOp(_mixed, 0, _convolved, taps, null, _rule.Taps, Silu: true, _state));
        var rate = _writer.Floats(new WeightPart(prefix + "A_log", 0, heads.ValueHeads) { IsRate = true });
        var bias = _writer.Floats(new WeightPart(prefix + "dt_bias", 0, heads.ValueHeads));
        var norm = _writer.Floats(new WeightPart(prefix + "norm.weight", 0, heads.ValueSize));
        _writer.Op(new DeltaRuleOp(_convolved, _mixed, mixed, _rates, _recalled, rate, bias, norm, _epsilon, heads, _state + _rule.ConvolutionBytes));
        var output = _writer.Matrix($"layer {layer} mixer output", values, WeightKind.Matrix, (prefix + "out_proj.weight", _hidden));
        _writer.Op(new LinearOp(_recalled, residual, output, null, LinearOutput.Accumulate, [_writer.Slice(layer, Projection.MixerOutput, values, 0, _hidden)]));
        _state += _rule.LayerBytes;
    }

    /// <summary>[q | k | v] and the gate; of one tensor every key head has its q, its k, and v and gate of the value heads that read it.</summary>
    private WeightPart[] InputParts(string prefix)
    {
        var (heads, mixed, values) = (_rule.Heads, _rule.MixedWidth, _rule.ValueWidth);
        if (!_rule.FusedInputs)
        {
            return [new WeightPart(prefix + "in_proj_qkv.weight", 0, mixed), new WeightPart(prefix + "in_proj_z.weight", 0, values)];
        }

        var (key, value) = (heads.KeySize, values / heads.KeyHeads);
        var stride = 2 * (key + value);
        var order = new JoinedOrder(
        [
            (_rule.KeyWidth, new GroupOrder(key, stride, 0)), (_rule.KeyWidth, new GroupOrder(key, stride, key)), (values, new GroupOrder(value, stride, 2 * key)),
        ]);
        var whole = new WeightPart(prefix + "in_proj_qkvz.weight", 0, mixed);
        return [whole with { Order = order }, whole with { Length = values, Order = new GroupOrder(value, stride, (2 * key) + value) }];
    }

    /// <summary>[beta | decay]; of one tensor every key head has those of the value heads that read it.</summary>
    private WeightPart[] RateParts(string prefix)
    {
        var heads = _rule.Heads;
        if (!_rule.FusedRates)
        {
            return [new WeightPart(prefix + "in_proj_b.weight", 0, heads.ValueHeads), new WeightPart(prefix + "in_proj_a.weight", 0, heads.ValueHeads)];
        }

        var share = heads.ValueHeads / heads.KeyHeads;
        var whole = new WeightPart(prefix + "in_proj_ba.weight", 0, heads.ValueHeads);
        return [whole with { Order = new GroupOrder(share, 2 * share, 0) }, whole with { Order = new GroupOrder(share, 2 * share, share) }];
    }
}
