using Serving.Compute.Adapters;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Reference;

/// <summary>
/// A whole forward pass in double precision by plain loops, straight from the formulas of the model: no pages, no batches, no tiles. With rounding, values are
/// rounded to bf16 where the design's table says so; without, nowhere.
/// </summary>
public sealed class ReferenceModel
{
    private readonly TestProgram _test;
    private readonly bool _round;
    private readonly Dictionary<int, AdapterSlice> _adapter;

    /// <summary>A pass over <paramref name="test"/>, with an adapter or none.</summary>
    public ReferenceModel(TestProgram test, AdapterWeights? adapter, bool round)
    {
        _test = test;
        _round = round;
        _adapter = adapter?.Slices.ToDictionary(slice => slice.Slice) ?? [];
    }

    /// <summary>The logits of every position of a sequence.</summary>
    public double[][] Run(IReadOnlyList<int> tokens, IReadOnlyList<int> positions)
    {
        var buffers = new Dictionary<int, double[][]>();
        var keysAndValues = new Dictionary<int, double[][]>();
        foreach (var op in _test.Program.Ops)
        {
            Apply(op, tokens, positions, buffers, keysAndValues);
        }

        return buffers[((SampleOp)_test.Program.Ops[^1]).Input];
    }

    private void Apply(ProgramOp op, IReadOnlyList<int> tokens, IReadOnlyList<int> positions, Dictionary<int, double[][]> buffers, Dictionary<int, double[][]> kv)
    {
        switch (op)
        {
            case EmbedOp embed:
                buffers[embed.Output] = [.. tokens.Select(token => Row(embed.Weight, token))];
                break;
            case RmsNormOp norm:
                buffers[norm.Output] = Map(buffers[norm.Input], x => Rounded(ReferenceOps.RmsNorm(x, Row(norm.Weight, 0), norm.Epsilon)));
                break;
            case LinearOp linear:
                var sums = Map(buffers[linear.Input], x => Linear(linear, x));
                buffers[linear.Output] = linear.Mode == LinearOutput.Accumulate ? Sum(buffers[linear.Output], sums) : sums;
                break;
            case RopeAndAppendOp rope:
                kv[rope.Layer] = [.. buffers[rope.Input].Select((x, row) => Turned(rope, x, positions[row]))];
                buffers[rope.Output] = Map(kv[rope.Layer], x => x[.._test.Program.Shape.QueryWidth]);
                break;
            case PagedAttentionOp attention:
                buffers[attention.Output] = Attend(attention, kv[attention.Layer]);
                break;
            case SiluMulOp silu:
                buffers[silu.Output] = Map(buffers[silu.Input], x => Rounded(ReferenceOps.SiluMul(x)));
                break;
            case GatherOp gather:
                buffers[gather.Output] = buffers[gather.Input];
                break;
            case LogitsOp logits:
                var weight = _test.Program.Weights[logits.Weight];
                buffers[logits.Output] = Map(buffers[logits.Input], x => ReferenceOps.Multiply(x, _test.Weights[weight.Index], weight.Rows));
                break;
        }
    }

    private double[] Linear(LinearOp op, double[] x)
    {
        var weight = _test.Program.Weights[op.Weight];
        var y = ReferenceOps.Multiply(x, _test.Weights[weight.Index], weight.Rows);
        if (op.Bias is { } bias)
        {
            y = [.. y.Zip(Row(bias, 0), (a, b) => a + b)];
        }

        foreach (var slice in op.Slices)
        {
            if (_adapter.TryGetValue(slice.Index, out var lora))
            {
                var v = ReferenceOps.Multiply(x, lora.A.ToArray(), lora.Rank).Select(value => Round(value * lora.Scale)).ToArray();
                var delta = ReferenceOps.Multiply(v, lora.B.ToArray(), slice.OutputWidth);
                for (var i = 0; i < delta.Length; i++)
                {
                    y[slice.OutputOffset + i] += delta[i];
                }
            }
        }

        return op.Mode == LinearOutput.Round ? Rounded(y) : y;
    }

    private double[] Turned(RopeAndAppendOp op, double[] qkv, int position)
    {
        var shape = _test.Program.Shape;
        var result = new List<double>();
        for (var head = 0; head < shape.HeadCount + (2 * shape.KvHeadCount); head++)
        {
            var x = qkv[(head * shape.HeadSize)..((head + 1) * shape.HeadSize)];
            if (head < shape.HeadCount + shape.KvHeadCount)
            {
                var norm = head < shape.HeadCount ? op.QueryNorm : op.KeyNorm;
                x = norm is { } weight ? ReferenceOps.RmsNorm(x, Row(weight, 0), op.Epsilon) : x;
                x = ReferenceOps.Rotate(x, _test.Program.Rope, position);
            }

            result.AddRange(Rounded(x));
        }

        return [.. result];
    }

    private double[][] Attend(PagedAttentionOp op, double[][] qkv)
    {
        var shape = _test.Program.Shape;
        var group = shape.HeadCount / shape.KvHeadCount;
        double[] Head(int row, int head) => qkv[row][(head * shape.HeadSize)..((head + 1) * shape.HeadSize)];
        return [.. Enumerable.Range(0, qkv.Length).Select(row => Enumerable.Range(0, shape.HeadCount).SelectMany(head =>
        {
            var keyHead = shape.HeadCount + (head / group);
            var keys = Enumerable.Range(0, row + 1).Select(j => Head(j, keyHead)).ToArray();
            var values = Enumerable.Range(0, row + 1).Select(j => Head(j, keyHead + shape.KvHeadCount)).ToArray();
            return Rounded(ReferenceOps.Attend(Head(row, head), keys, values, op.Scale, _round));
        }).ToArray())];
    }

    private double[] Row(int weight, int row)
    {
        var columns = _test.Program.Weights[weight].Columns;
        return Array.ConvertAll(_test.Weights[weight][(row * columns)..((row + 1) * columns)], value => (double)BFloat16Bits.ToSingle(value));
    }

    private static double[][] Map(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private static double[][] Sum(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (u, v) => u + v).ToArray())];

    private double Round(double value) => _round ? BFloat16Bits.Round((float)value) : value;

    private double[] Rounded(double[] values) => [.. values.Select(Round)];
}
