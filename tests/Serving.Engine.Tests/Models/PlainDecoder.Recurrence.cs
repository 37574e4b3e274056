namespace Serving.Engine.Tests.Models;

/// <summary>The gated delta rule of Qwen 3.5 and Qwen3-Next, and the gate behind their attention.</summary>
internal sealed partial class PlainDecoder
{
    private bool Remembers(string layer) => model.Tensors.ContainsKey(layer + ".linear_attn.A_log");

    private bool GatesAttention => model.Config["linear_num_key_heads"] is not null;

    /// <summary>What a layer gives back to the residual stream, token after token.</summary>
    private double[][] Remember(string name, double[][] inputs)
    {
        name += ".linear_attn";
        var (keyHeads, valueHeads, size, valueSize) =
            (Int(model.Config, "linear_num_key_heads"), Int(model.Config, "linear_num_value_heads"), Int(model.Config, "linear_key_head_dim"), Int(model.Config, "linear_value_head_dim"));
        var mixed = inputs.Select(x => Mixed(name, x, keyHeads, valueHeads, size, valueSize)).ToArray();
        var convolved = Convolve(name, [.. mixed.Select(token => token.Qkv)]);
        var outputs = inputs.Select(_ => new List<double>()).ToArray();
        for (var head = 0; head < valueHeads; head++)
        {
            var state = new double[size, valueSize];
            var key = head / (valueHeads / keyHeads);
            for (var t = 0; t < inputs.Length; t++)
            {
                var q = Unit(convolved[t].AsSpan(key * size, size), 1 / Math.Sqrt(size));
                var k = Unit(convolved[t].AsSpan((keyHeads + key) * size, size), 1);
                var v = convolved[t].AsSpan((2 * keyHeads * size) + (head * valueSize), valueSize).ToArray();
                var decay = Math.Exp(-Math.Exp(model.Tensors[name + ".A_log"].Values[head]) * Math.Log(1 + Math.Exp(mixed[t].Decay[head] + model.Tensors[name + ".dt_bias"].Values[head])));
                Advance(state, decay, k, v, 1 / (1 + Math.Exp(-mixed[t].Beta[head])));
                var o = Enumerable.Range(0, valueSize).Select(j => Enumerable.Range(0, size).Sum(i => q[i] * state[i, j])).ToArray();
                var scale = 1 / Math.Sqrt((Dot(o, o) / valueSize) + _epsilon);
                outputs[t].AddRange(o.Select((value, j) =>
                {
                    var gate = mixed[t].Gate[(head * valueSize) + j];
                    return value * scale * model.Tensors[name + ".norm.weight"].Values[j] * gate / (1 + Math.Exp(-gate));
                }));
            }
        }

        return [.. outputs.Select(x => Linear(name + ".out_proj", [.. x]))];
    }

    private static void Advance(double[,] state, double decay, double[] k, double[] v, double beta)
    {
        for (var j = 0; j < v.Length; j++)
        {
            var known = 0.0;
            for (var i = 0; i < k.Length; i++)
            {
                state[i, j] *= decay;
                known += k[i] * state[i, j];
            }

            for (var i = 0; i < k.Length; i++)
            {
                state[i, j] += k[i] * (v[j] - known) * beta;
            }
        }
    }

    /// <summary>Of Qwen3-Next two tensors in which every key head has its own: q, k, and v and the gate of its value heads; their beta and their decay.</summary>
    private (double[] Qkv, double[] Gate, double[] Beta, double[] Decay) Mixed(string name, double[] x, int keyHeads, int valueHeads, int size, int valueSize)
    {
        if (model.Tensors.ContainsKey(name + ".in_proj_qkv.weight"))
        {
            return (Linear(name + ".in_proj_qkv", x), Linear(name + ".in_proj_z", x), Linear(name + ".in_proj_b", x), Linear(name + ".in_proj_a", x));
        }

        var (share, width) = (valueHeads / keyHeads, valueHeads / keyHeads * valueSize);
        var inputs = Linear(name + ".in_proj_qkvz", x).Chunk(2 * (size + width)).ToArray();
        var rates = Linear(name + ".in_proj_ba", x).Chunk(2 * share).ToArray();
        return (
            [.. inputs.SelectMany(head => head[..size]), .. inputs.SelectMany(head => head[size..(2 * size)]), .. inputs.SelectMany(head => head[(2 * size)..((2 * size) + width)])],
            [.. inputs.SelectMany(head => head[((2 * size) + width)..])],
            [.. rates.SelectMany(head => head[..share])],
            [.. rates.SelectMany(head => head[share..])]);
    }

    private double[][] Convolve(string name, double[][] inputs)
    {
        var (shape, weights) = model.Tensors[name + ".conv1d.weight"];
        var taps = (int)shape[2];
        return [.. inputs.Select((_, t) => Enumerable.Range(0, (int)shape[0]).Select(column =>
        {
            var sum = Enumerable.Range(0, taps).Where(tap => t - taps + 1 + tap >= 0).Sum(tap => weights[(column * taps) + tap] * inputs[t - taps + 1 + tap][column]);
            return sum / (1 + Math.Exp(-sum));
        }).ToArray())];
    }

    private static double[] Unit(ReadOnlySpan<double> x, double factor)
    {
        double[] values = x.ToArray();
        var length = Math.Sqrt(Dot(values, values) + 1e-6);
        return [.. values.Select(value => value / length * factor)];
    }

    /// <summary>Of q's projection the heads' own rows, or the gates' behind each head's.</summary>
    private double[] HalfOfHeads(string name, double[] x, bool isGate) =>
        [.. Linear(name + ".q_proj", x).Chunk(2 * _headSize).SelectMany(head => isGate ? head[_headSize..] : head[.._headSize])];

    private double[][] Gated(string name, double[][] inputs, double[][] attended) => !GatesAttention ? attended
        : [.. attended.Select((heads, t) => heads.Zip(HalfOfHeads(name, inputs[t], isGate: true), (value, gate) => value / (1 + Math.Exp(-gate))).ToArray())];
}
