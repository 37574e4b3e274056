using Serving.Compute.Adapters;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Reference;

/// <summary>The buffers of a pass in double precision and every operation on them that one rank does by itself.</summary>
/// <param name="program">The list.</param>
/// <param name="weights">bf16 by weight index, row-major.</param>
/// <param name="adapter">An adapter, or null.</param>
/// <param name="round">Round to bf16 where the design's table says so.</param>
public sealed class ReferenceRank(ModelProgram program, IReadOnlyList<ushort[]> weights, AdapterWeights? adapter, bool round)
{
    private readonly Dictionary<(int Slice, int Expert), AdapterSlice> _adapter = adapter?.Slices.ToDictionary(slice => (slice.Slice, slice.Expert)) ?? [];
    private readonly Dictionary<int, double[][]> _buffers = [];
    private readonly Dictionary<int, double[][]> _keysAndValues = [];
    private readonly Dictionary<int, double[]> _elements = [];
    private (int Expert, double Weight)[][] _choices = [];
    private IReadOnlyList<int> _tokens = [];
    private IReadOnlyList<int> _positions = [];

    /// <summary>Operations of the list.</summary>
    public int OpCount => program.Ops.Count;

    /// <summary>What is sampled from.</summary>
    public double[][] Logits => _buffers[((SampleOp)program.Ops[^1]).Input];

    /// <summary>What that is computed from.</summary>
    public double[][] Hidden => _buffers[program.LogitsInput];

    /// <summary>How near any row's last choice came to the expert that it did not choose, as a part of its logits' spread.</summary>
    public double ClosestChoice { get; private set; } = double.PositiveInfinity;

    /// <summary>The rows of a buffer.</summary>
    public double[][] this[int buffer]
    {
        get => _buffers[buffer];
        set => _buffers[buffer] = value;
    }

    /// <summary>Columns of a buffer.</summary>
    public int ColumnsOf(int buffer) => program.Buffers[buffer].Columns;

    /// <summary>An operation.</summary>
    public ProgramOp OpAt(int index) => program.Ops[index];

    /// <summary>Starts a sequence.</summary>
    public void Begin(IReadOnlyList<int> tokens, IReadOnlyList<int> positions)
    {
        (_tokens, _positions) = (tokens, positions);
        _buffers.Clear();
        _keysAndValues.Clear();
    }

    /// <summary>Does an operation that is neither a Linear nor a meeting.</summary>
    public void Apply(int index)
    {
        switch (program.Ops[index])
        {
            case EmbedOp embed:
                _buffers[embed.Output] = [.. _tokens.Select(token => Array.ConvertAll(Row(embed.Weight, token), value => value * embed.Scale))];
                break;
            case RmsNormOp norm:
                var normed = Map(_buffers[norm.Input], x => Normed(norm, x));
                _buffers[norm.Output] = norm.FirstColumn is not null ? normed : norm.Accumulate ? Sum(_buffers[norm.Output], normed) : Map(normed, Rounded);
                break;
            case LayerNormOp norm:
                _buffers[norm.Output] = Map(_buffers[norm.Input], x => Normed(norm, x));
                break;
            case ActivationOp activation:
                _buffers[activation.Output] = Map(_buffers[activation.Input], x => Rounded(Activated(activation, x)));
                break;
            case RopeAndAppendOp rope:
                _keysAndValues[rope.Layer] = [.. _buffers[rope.Input].Select((x, row) => Turned(rope, x, _positions[row]))];
                _buffers[rope.Output] = Map(_keysAndValues[rope.Layer], x => x[..program.Shape.QueryWidth]);
                break;
            case PagedAttentionOp attention:
                _buffers[attention.Output] = Attend(attention, _keysAndValues[attention.Layer]);
                break;
            case GateMulOp gate:
                _buffers[gate.Output] = [.. _buffers[gate.Input].Select((x, row) => Rounded([.. GateMul(gate, x).Select(value => value * Factor(gate, row))]))];
                break;
            case SigmoidMulOp gate:
                _buffers[gate.Output] = [.. _buffers[gate.Input].Zip(_buffers[gate.Gate], (x, z) => Rounded([.. x.Zip(z, (a, b) => a / (1 + Math.Exp(-b)))]))];
                break;
            case ConvolutionOp convolution:
                var taps = Row(convolution.Weight, 0).Chunk(ColumnsOf(convolution.Output)).ToArray();
                var addend = convolution.Bias is { } added ? Row(added, 0) : null;
                _buffers[convolution.Output] = ReferenceRecurrence.Convolve(Map(_buffers[convolution.Input], x => x[convolution.FirstColumn..]), taps, addend, convolution.Silu);
                break;
            case DeltaRuleOp rule:
                _buffers[rule.Output] = Map(Remember(rule), Rounded);
                break;
            case RouteOp route:
                _choices = [.. _buffers[route.Input].Select(logits => Choose(logits, route.Renormalize))];
                break;
            case DispatchOp dispatch:
                _buffers[dispatch.Output] = [.. _buffers[dispatch.Input].SelectMany((x, row) => _choices[row].Select(_ => x))];
                break;
            case CombineOp combine:
                var parts = _buffers[combine.Input];
                double[][] combined = [.. _choices.Select((choices, row) => choices
                    .Select((choice, i) => Array.ConvertAll(parts[(row * choices.Length) + i], value => value * choice.Weight))
                    .Aggregate((a, b) => [.. a.Zip(b, (u, v) => u + v)]))];
                _buffers[combine.Output] = combine.Accumulate ? Sum(_buffers[combine.Output], combined) : combined;
                break;
            case GatherOp gather:
                _buffers[gather.Output] = _buffers[gather.Input];
                break;
            case LogitsOp logits:
                var shift = logits.Bias is { } bias ? Row(bias, 0) : null;
                var rows = Math.Min(ColumnsOf(logits.Output), program.Weights[logits.Weight].Rows - logits.FirstRow);
                _buffers[logits.Output] = Map(_buffers[logits.Input], x => ReferenceOps.Cap([.. Multiply(x, logits.Weight, logits.FirstRow, rows).Select((logit, i) => (logit + (shift?[i] ?? 0)) * logits.Scale)], logits.Cap));
                break;
        }
    }

    /// <summary>x·Aᵀ of all rows by slice of a Linear; of a slice that the adapter leaves alone, rows of nothing.</summary>
    public IReadOnlyList<double[][]> Shrink(int index)
    {
        var op = (LinearOp)program.Ops[index];
        return [.. op.Slices.Select(slice => _buffers[op.Input].Select((x, row) => _adapter.TryGetValue((slice.Index, ExpertOf(op, row)), out var lora)
            ? ReferenceOps.Multiply(x[slice.InputOffset..(slice.InputOffset + slice.InputWidth)], lora.A.Span, lora.Rank)
            : []).ToArray())];
    }

    /// <summary>The rest of a Linear.</summary>
    public void Finish(int index, IReadOnlyList<double[][]> shrunk)
    {
        var op = (LinearOp)program.Ops[index];
        double[][] sums = [.. _buffers[op.Input].Select((x, row) => Finish(op, x, ExpertOf(op, row), [.. shrunk.Select(slice => slice[row])]))];
        _buffers[op.Output] = op.Mode == LinearOutput.Accumulate ? Sum(_buffers[op.Output], sums) : sums;
    }

    /// <summary>Row by row and column by column.</summary>
    public static double[][] Sum(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u + v).ToArray())];

    /// <summary>A row normed whole, in some of its columns, or not at all.</summary>
    private double[] Normed(RmsNormOp op, double[] x)
    {
        if (op.Weight is not { } weight)
        {
            return x;
        }

        var (first, values) = (op.FirstColumn ?? 0, Row(weight, 0));
        return [.. x[..first], .. ReferenceOps.RmsNorm(x[first..(first + values.Length)], values, op.Epsilon), .. x[(first + values.Length)..]];
    }

    /// <summary>A row normed whole and rounded, or some of its heads, each by itself.</summary>
    private double[] Normed(LayerNormOp op, double[] x)
    {
        var (weight, bias) = (Row(op.Weight, 0), op.Bias is { } index ? Row(index, 0) : null);
        if (op.FirstColumn is not { } first)
        {
            return Rounded(ReferenceOps.LayerNorm(x, weight, bias, op.Epsilon));
        }

        var size = program.Shape.HeadSize;
        var heads = Enumerable.Range(0, weight.Length / size).Select(head => (head * size)..((head + 1) * size));
        var normed = heads.SelectMany(head => ReferenceOps.LayerNorm(x[first..][head], weight[head], bias?[head], op.Epsilon));
        return [.. x[..first], .. normed, .. x[(first + weight.Length)..]];
    }

    private double[] Activated(ActivationOp op, double[] x) => op.Activation switch
    {
        MlpActivation.GeluTanh => ReferenceOps.Gelu(x),
        MlpActivation.SquaredRelu => ReferenceOps.SquaredRelu(x),
        _ => ReferenceOps.XIelu(x, Row(op.Numbers!.Value, 0)),
    };

    private double Factor(GateMulOp op, int row) => op.Factor is { } factor ? 1 / (1 + Math.Exp(-_buffers[factor][row][0])) : 1;

    private static double[] GateMul(GateMulOp op, double[] gateUp) => op.Activation switch
    {
        GateActivation.Silu => ReferenceOps.SiluMul(gateUp),
        GateActivation.SwigluOai => ReferenceOps.SwigluMul(gateUp, op.Limit),
        _ => ReferenceOps.GeluMul(gateUp),
    };

    /// <summary>The experts with the largest logits, and what the softmax gives them.</summary>
    private (int Expert, double Weight)[] Choose(double[] logits, bool renormalize)
    {
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(expert => logits[expert]).ToArray();
        var count = program.Mixture!.ChoiceCount;
        var spread = Math.Sqrt(logits.Average(value => value * value));
        ClosestChoice = count < order.Length ? Math.Min(ClosestChoice, (logits[order[count - 1]] - logits[order[count]]) / spread) : ClosestChoice;
        var total = order.Take(renormalize ? count : order.Length).Sum(expert => Math.Exp(logits[expert]));
        return [.. order.Take(count).Select(expert => (expert, Math.Exp(logits[expert]) / total))];
    }

    private int ExpertOf(LinearOp op, int row) =>
        program.Buffers[op.Input].Rows == BufferRows.Choice ? _choices[row / program.Mixture!.ChoiceCount][row % program.Mixture.ChoiceCount].Expert : 0;

    private double[] Finish(LinearOp op, double[] x, int expert, IReadOnlyList<double[]> shrunk)
    {
        var rows = program.Weights[op.Weight].RowsPerExpert;
        var y = Multiply(x, op.Weight, expert * rows, rows);
        for (var i = 0; i < op.Slices.Count; i++)
        {
            if (_adapter.TryGetValue((op.Slices[i].Index, expert), out var lora))
            {
                var v = shrunk[i].Select(value => Round(value * lora.Scale)).ToArray();
                var delta = ReferenceOps.Multiply(v, lora.B.Span, op.Slices[i].OutputWidth);
                for (var column = 0; column < delta.Length; column++)
                {
                    y[op.Slices[i].OutputOffset + column] += delta[column];
                    y[op.Slices[i].OutputOffset + column] *= lora.Magnitudes.IsEmpty ? 1 : FactorOf(op, lora, column);
                }
            }
        }

        if (op.Bias is { } bias)
        {
            y = [.. y.Zip(Row(bias, 0)[(expert * rows)..], (a, b) => a + b)];
        }

        return op.Mode == LinearOutput.Round ? Rounded(y) : y;
    }

    /// <summary>DoRA's magnitude ÷ ‖W + scale · B A‖ of an output.</summary>
    private double FactorOf(LinearOp op, AdapterSlice lora, int column)
    {
        var (weight, slice) = (program.Weights[op.Weight], program.Slices[lora.Slice]);
        var row = (lora.Expert * weight.RowsPerExpert) + slice.OutputOffset + column;
        var length = Math.Sqrt(Enumerable.Range(0, weight.Columns).Sum(k =>
        {
            var own = weight.Format == WeightFormat.BFloat16 ? BFloat16Bits.ToSingle(weights[op.Weight][(row * weight.Columns) + k]) : Elements(weight)[(row * weight.Columns) + k];
            var delta = Enumerable.Range(0, lora.Rank).Sum(r => (double)BFloat16Bits.ToSingle(lora.B.Span[(column * lora.Rank) + r]) * BFloat16Bits.ToSingle(lora.A.Span[(r * weight.Columns) + k]));
            return Math.Pow(own + (lora.Scale * delta), 2);
        }));
        return lora.Magnitudes.Span[column] / length;
    }

    private double[] Multiply(double[] x, int index, int firstRow, int rows)
    {
        var weight = program.Weights[index];
        if (weight.Format == WeightFormat.BFloat16)
        {
            return ReferenceOps.Multiply(x, weights[index].AsSpan(firstRow * weight.Columns), rows);
        }

        var inputs = round ? ReferenceIntegers.Round(x) : x;
        var elements = Elements(weight);
        return [.. Enumerable.Range(firstRow, rows).Select(row => inputs.Select((input, k) => input * elements[(row * weight.Columns) + k]).Sum())];
    }

    private double[] Elements(WeightSpec weight)
    {
        if (!_elements.TryGetValue(weight.Index, out var elements))
        {
            _elements.Add(weight.Index, elements = ReferenceIntegers.Dequantize(weight, weights[weight.Index]));
        }

        return elements;
    }

    private double[] Turned(RopeAndAppendOp op, double[] qkv, int position)
    {
        var shape = program.Shape;
        var result = new List<double>();
        for (var head = 0; head < shape.HeadCount + (2 * shape.KvHeadCount); head++)
        {
            var x = qkv[(head * shape.HeadSize)..((head + 1) * shape.HeadSize)];
            if (head < shape.HeadCount + shape.KvHeadCount)
            {
                var norm = head < shape.HeadCount ? op.QueryNorm : op.KeyNorm;
                x = norm is { } weight && !op.NormsTurned ? ReferenceOps.RmsNorm(x, Row(weight, 0), op.Epsilon) : x;
                x = ReferenceOps.Rotate(x, program.Rope, (op.Table * program.Rope.PositionCount) + position);
                x = norm is { } behind && op.NormsTurned ? ReferenceOps.RmsNorm(x, Row(behind, 0), op.Epsilon) : x;
            }

            result.AddRange(head < shape.HeadCount || shape.KeyValues == KeyValueFormat.BFloat16 || !round ? Rounded(x) : ReferenceIntegers.RoundRow(x));
        }

        return [.. result];
    }

    private double[][] Attend(PagedAttentionOp op, double[][] qkv)
    {
        var shape = program.Shape;
        var group = shape.HeadCount / shape.KvHeadCount;

        // By head of queries, keys and values, then by row.
        double[][][] heads = [.. Enumerable.Range(0, shape.HeadCount + (2 * shape.KvHeadCount)).Select(head => Array.ConvertAll(qkv, row => row[(head * shape.HeadSize)..((head + 1) * shape.HeadSize)]))];
        var sinks = op.Sinks is { } weight ? Row(weight, 0) : null;
        return [.. Enumerable.Range(0, qkv.Length).AsParallel().AsOrdered().Select(row => Enumerable.Range(0, shape.HeadCount).SelectMany(head =>
        {
            var keyHead = shape.HeadCount + (head / group);
            var seen = (op.Window == 0 ? 0 : Math.Max(0, row + 1 - op.Window))..(row + 1);
            return Rounded(ReferenceOps.Attend(heads[head][row], heads[keyHead].AsSpan(seen), heads[keyHead + shape.KvHeadCount].AsSpan(seen), op.Scale, op.ScoreCap, round, sinks?[head]));
        }).ToArray())];
    }

    private double[][] Remember(DeltaRuleOp op)
    {
        var heads = op.Heads;
        var (keys, values) = (heads.KeyHeads * heads.KeySize, heads.ValueHeads * heads.ValueSize);
        var rows = _buffers[op.Input].Select(_ => new double[values]).ToArray();
        for (var head = 0; head < heads.ValueHeads; head++)
        {
            var (key, value) = (head / (heads.ValueHeads / heads.KeyHeads) * heads.KeySize, head * heads.ValueSize);
            var (rate, bias) = (Row(op.Rate, 0)[head], Row(op.DecayBias, 0)[head]);
            var outputs = ReferenceRecurrence.DeltaRule(
                Map(_buffers[op.Input], x => x[key..(key + heads.KeySize)]),
                Map(_buffers[op.Input], x => x[(keys + key)..(keys + key + heads.KeySize)]),
                Map(_buffers[op.Input], x => x[((2 * keys) + value)..((2 * keys) + value + heads.ValueSize)]),
                [.. _buffers[op.Rates].Select(x => Math.Exp(rate * Math.Log(1 + Math.Exp(x[heads.ValueHeads + head] + bias))))],
                [.. _buffers[op.Rates].Select(x => 1 / (1 + Math.Exp(-x[head])))]);
            for (var row = 0; row < rows.Length; row++)
            {
                var gate = _buffers[op.Gate][row].AsSpan(op.GateColumn + value, heads.ValueSize).ToArray();
                ReferenceOps.RmsNorm(outputs[row], Row(op.Norm, 0), op.Epsilon).Zip(gate, (x, z) => x * z / (1 + Math.Exp(-z))).ToArray().CopyTo(rows[row], value);
            }
        }

        return rows;
    }

    private double[] Row(int weight, int row)
    {
        var columns = program.Weights[weight].Columns;
        if (program.Weights[weight].Format == WeightFormat.Float32)
        {
            return Array.ConvertAll(TestProgram.Floats(weights[weight]), value => (double)value + program.Weights[weight].Offset);
        }

        if (program.Weights[weight].Format != WeightFormat.BFloat16)
        {
            return Elements(program.Weights[weight])[(row * columns)..((row + 1) * columns)];
        }

        return Array.ConvertAll(weights[weight][(row * columns)..((row + 1) * columns)], value => (double)BFloat16Bits.ToSingle(value) + program.Weights[weight].Offset);
    }

    private static double[][] Map(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private double Round(double value) => round ? BFloat16Bits.Round((float)value) : value;

    private double[] Rounded(double[] values) => [.. values.Select(Round)];
}
