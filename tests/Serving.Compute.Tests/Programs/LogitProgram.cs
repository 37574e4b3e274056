using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

/// <summary>
/// A program without layers whose token t gives the t-th of up to 16 chosen rows of logits, exactly: token t's embedding is 1 at columns 4t … 4t + 3 of 64, RMSNorm
/// (mean square 1/16, weight 1/4, epsilon 0) leaves it so, and the head holds each logit as the sum of four bf16 values.
/// </summary>
public static class LogitProgram
{
    private const int Hidden = 64;
    private const int Parts = 4;

    /// <summary>The program of these rows, all of one length.</summary>
    public static TestProgram Create(IReadOnlyList<double[]> logits)
    {
        var vocabulary = logits[0].Length;
        var shape = new TestShape { Hidden = Hidden, Layers = 0, Heads = 1, KvHeads = 1, Vocabulary = vocabulary, Tied = false };
        var embedding = new ushort[vocabulary * Hidden];
        var head = new ushort[vocabulary * Hidden];
        for (var set = 0; set < logits.Count; set++)
        {
            for (var part = 0; part < Parts; part++)
            {
                embedding[(set * Hidden) + (set * Parts) + part] = BFloat16Bits.FromSingle(1);
            }

            for (var id = 0; id < vocabulary; id++)
            {
                Split(logits[set][id], head.AsSpan((id * Hidden) + (set * Parts), Parts));
            }
        }

        var norm = Enumerable.Repeat(BFloat16Bits.FromSingle(0.25f), Hidden).ToArray();
        return new TestProgram(shape, Program(vocabulary), [embedding, norm, head]);
    }

    private static ModelProgram Program(int vocabulary)
    {
        ProgramBuffer[] buffers =
        [
            new("residual", Hidden, BufferElement.Float32, BufferRows.Step),
            new("gathered", Hidden, BufferElement.Float32, BufferRows.Output),
            new("final", Hidden, BufferElement.BFloat16, BufferRows.Output),
            new("logits", vocabulary, BufferElement.Float32, BufferRows.Output),
        ];
        WeightSpec[] weights =
        [
            new(0, "embedding", vocabulary, Hidden, WeightKind.Embedding, [new WeightPart("embedding", 0, vocabulary)]),
            new(1, "norm", 1, Hidden, WeightKind.Vector, [new WeightPart("norm", 0, Hidden)]),
            new(2, "head", vocabulary, Hidden, WeightKind.Matrix, [new WeightPart("head", 0, vocabulary)]),
        ];
        ProgramOp[] ops = [new EmbedOp(0, 0), new GatherOp(0, 1), new RmsNormOp(1, 2, 1, 0), new LogitsOp(2, 3, 2), new SampleOp(3)];
        var shape = new ModelShape(Hidden, Hidden, 1, 2, 2, 16, vocabulary);
        return new ModelProgram("logits", shape, RopeTable.Create(2048, new double[8]), buffers, weights, [], ops);
    }

    /// <summary>Writes a value as bf16 values that sum to it.</summary>
    private static void Split(double value, Span<ushort> parts)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = BFloat16Bits.FromSingle((float)value);
            value -= BFloat16Bits.ToSingle(parts[i]);
        }

        Assert.Equal(0, value);
    }
}
