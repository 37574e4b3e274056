using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The gated delta rule with its norm and gate, and the state that it leaves.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class DeltaRuleKernelTests
{
    private const int GateColumn = 5;
    private const int PageFloats = 1024;

    /// <summary>
    /// Key heads, value heads, sizes of keys and values, where the state begins, blocks: sizes that fill no warp, no group of a key; the largest; states over borders of pages in the middle of a row.
    /// </summary>
    public static TheoryData<int, int, int, int, int, int> Cases => new()
    {
        { 1, 1, 16, 16, 0, 1 },
        { 2, 4, 20, 48, 1008, 3 },
        { 1, 3, 7, 80, 16, 50 },
        { 1, 1, 128, 128, 976, 2 },
    };

    /// <summary>Three sequences: more rows than lie in shared memory, from the beginning; a row, and a few, that have been here before.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void DeltaRule_AnySize_MatchesFormula(int keyHeads, int valueHeads, int keySize, int valueSize, int first, int blocks)
    {
        var shape = new DeltaCase(keyHeads, valueHeads, keySize, valueSize);
        int[] rows = [keySize == 128 ? 2 : 18, 1, 3];
        bool[] isNew = [true, false, false];
        var arena = new StateArena(2 * rows.Length, first, shape.StateFloats, PageFloats);
        var sequences = rows.Select((count, i) => Sequence(rows[..i].Sum(), count, isNew[i] ? -1 : arena.At(2 * i), arena.At((2 * i) + 1))).ToArray();
        var before = rows.Select((_, i) => Enumerable.Range(0, shape.StateFloats).Select(n => isNew[i] ? 0 : MathF.Sin((n * 7) + i) / 4).ToArray()).ToArray();
        foreach (var i in Enumerable.Range(0, rows.Length).Where(i => !isNew[i]))
        {
            arena.Write(2 * i, before[i]);
        }

        var inputs = shape.Random(rows.Sum(), keySize);
        var y = Run(arena, shape, inputs, 0, blocks, sequences);
        for (var i = 0; i < rows.Length; i++)
        {
            for (var head = 0; head < valueHeads; head++)
            {
                var state = before[i].AsSpan(head * keySize * valueSize, keySize * valueSize).ToArray().Select(value => (double)value).ToArray();
                for (var row = sequences[i].FirstRow; row < sequences[i].FirstRow + rows[i]; row++)
                {
                    var expected = inputs.Expected(row, head, state);
                    for (var column = 0; column < valueSize; column++)
                    {
                        Values.AssertRounded(expected[column], y[row][(head * valueSize) + column], $"sequence {i}, row {row}, head {head}, column {column}", 3e-5);
                    }
                }

                var written = arena.Read((2 * i) + 1).AsSpan(head * keySize * valueSize, keySize * valueSize).ToArray();
                Assert.All(state.Zip(written), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            }
        }
    }

    /// <summary>A prompt in pieces, of rows and of steps, has the bits that it has in one, and leaves the same state.</summary>
    [Fact]
    public void DeltaRule_InPieces_IsEqual()
    {
        const int Rows = 37;
        var shape = new DeltaCase(1, 2, 20, 48);
        var inputs = shape.Random(Rows, 9);
        var whole = new StateArena(2, 1008, shape.StateFloats, PageFloats);
        var expected = Run(whole, shape, inputs, 0, 2, [Sequence(0, Rows, -1, whole.At(1))]);
        foreach (var piece in (int[])[5, 16, 21])
        {
            var arena = new StateArena(2, 1008, shape.StateFloats, PageFloats);
            var actual = new List<ushort[]>();
            var version = 0;
            for (var row = 0; row < Rows; row += piece, version = 1 - version)
            {
                actual.AddRange(Run(arena, shape, inputs, row, 1, [Sequence(0, Math.Min(piece, Rows - row), row == 0 ? -1 : arena.At(version), arena.At(1 - version))]));
            }

            Assert.Equal(expected, actual);
            Assert.Equal(whole.Read(1), arena.Read(version));
        }
    }

    /// <summary>Rates at their ends: what is forgotten at once, what is never, and writes of nothing.</summary>
    [Fact]
    public void DeltaRule_ExtremeRates_MatchFormula()
    {
        var shape = new DeltaCase(1, 1, 16, 16);
        var inputs = shape.Random(4, 3);
        (inputs.Rates[0], inputs.Rates[1]) = (-100, 60);
        (inputs.Rates[8], inputs.Rates[9]) = (100, -60);
        (inputs.Rates[16], inputs.Rates[17]) = (0, 200);
        (inputs.Rates[24], inputs.Rates[25]) = (0, 10_000);
        inputs.Rate[0] = -0.02f;
        var arena = new StateArena(2, 0, shape.StateFloats, PageFloats);
        var y = Run(arena, shape, inputs, 0, 1, [Sequence(0, 4, -1, arena.At(1))]);
        var state = new double[shape.StateFloats];
        for (var row = 0; row < 4; row++)
        {
            var expected = inputs.Expected(row, 0, state);
            Assert.All(expected.Zip(y[row]), pair => Values.AssertRounded(pair.First, pair.Second, $"row {row}", 3e-5));
        }
    }

    private static StepSequence Sequence(int firstRow, int rows, int read, int write) => new() { FirstRow = firstRow, RowCount = rows, StateRead = read, StateWrite = write };

    /// <summary>Runs the kernel on rows of the inputs from one on.</summary>
    private static ushort[][] Run(StateArena arena, DeltaCase shape, DeltaInputs inputs, int firstRow, int blocks, StepSequence[] sequences)
    {
        using var session = new KernelSession();
        var (rows, width) = (sequences.Sum(sequence => sequence.RowCount), shape.ValueHeads * shape.ValueSize);
        var parameters = new DeltaRuleParameters
        {
            State = arena.Upload(session, sequences),
            Input = session.Upload<float>(RowsOf(inputs.Values, shape.InputWidth)),
            Gate = session.Upload<float>(RowsOf(inputs.Gate, GateColumn + width)) + (GateColumn * sizeof(float)),
            Rates = session.Upload<float>(RowsOf(inputs.Rates, 2 * shape.ValueHeads)),
            Output = session.Allocate<ushort>(rows * Values.Stride(width)),
            Rate = session.Upload<float>(inputs.Rate),
            DecayBias = session.Upload<float>(inputs.DecayBias),
            Norm = session.Upload<float>(inputs.Norm),
            KeyHeads = shape.KeyHeads,
            ValueHeads = shape.ValueHeads,
            KeySize = shape.KeySize,
            ValueSize = shape.ValueSize,
            InputStride = Values.Stride(shape.InputWidth),
            GateStride = Values.Stride(GateColumn + width),
            RatesStride = Values.Stride(2 * shape.ValueHeads),
            OutputStride = Values.Stride(width),
            Epsilon = DeltaInputs.Epsilon,
            QueryScale = 1 / MathF.Sqrt(shape.KeySize),
        };
        session.Launch("srv_delta_rule", new CudaGrid(blocks), DeltaRuleParameters.ThreadsOf(shape.ValueSize), DeltaRuleParameters.SharedBytesOf(shape.KeySize, shape.ValueSize), parameters);
        arena.Download(session, [.. sequences.Select(sequence => sequence.StateWrite / arena.PagesPerVersion)]);
        var y = session.Download<ushort>(parameters.Output, rows * Values.Stride(width));
        return [.. Enumerable.Range(0, rows).Select(row => y.AsSpan(row * Values.Stride(width), width).ToArray())];

        float[] RowsOf(float[] values, int columns) => values.AsSpan(firstRow * Values.Stride(columns), rows * Values.Stride(columns)).ToArray();
    }

    /// <summary>Heads of a case.</summary>
    private sealed record DeltaCase(int KeyHeads, int ValueHeads, int KeySize, int ValueSize)
    {
        public int InputWidth => (2 * KeyHeads * KeySize) + (ValueHeads * ValueSize);

        public int StateFloats => ValueHeads * KeySize * ValueSize;

        public DeltaInputs Random(int rows, int seed)
        {
            var random = new Random(seed);
            return new DeltaInputs(
                this,
                Kernels.Values.Random(rows, InputWidth, 2, seed),
                Kernels.Values.Random(rows, GateColumn + (ValueHeads * ValueSize), 3, seed + 1),
                Kernels.Values.Random(rows, 2 * ValueHeads, 3, seed + 2),
                [.. Enumerable.Range(0, ValueHeads).Select(_ => -0.05f - random.NextSingle())],
                [.. Enumerable.Range(0, ValueHeads).Select(_ => random.NextSingle() - 0.5f)],
                [.. Enumerable.Range(0, ValueSize).Select(_ => random.NextSingle() + 0.5f)]);
        }
    }

    /// <summary>What a case computes on.</summary>
    private sealed record DeltaInputs(DeltaCase Shape, float[] Values, float[] Gate, float[] Rates, float[] Rate, float[] DecayBias, float[] Norm)
    {
        /// <summary>So large that the norm does not hide by what the queries were multiplied.</summary>
        public const float Epsilon = 1e-2f;

        /// <summary>A row of a head by the formula, in double; its state goes on.</summary>
        public double[] Expected(int row, int head, double[] state)
        {
            var (keys, size, keyHead) = (Shape.KeySize, Shape.ValueSize, head / (Shape.ValueHeads / Shape.KeyHeads));
            var (x, rates) = (Values.Row(row, Shape.InputWidth), Rates.Row(row, 2 * Shape.ValueHeads));
            var gate = Gate.Row(row, GateColumn + (Shape.ValueHeads * size))[(GateColumn + (head * size))..];
            var q = Unit(x.AsSpan(keyHead * keys, keys)).Select(value => value / Math.Sqrt(keys)).ToArray();
            var k = Unit(x.AsSpan((Shape.KeyHeads + keyHead) * keys, keys));
            var v = x.AsSpan((2 * Shape.KeyHeads * keys) + (head * size), size);
            var exponent = rates[Shape.ValueHeads + head] + DecayBias[head];
            var decay = Math.Exp(Rate[head] * (exponent > 40 ? exponent : Math.Log(1 + Math.Exp(exponent))));
            var o = new double[size];
            for (var column = 0; column < size; column++)
            {
                var old = 0.0;
                for (var i = 0; i < keys; i++)
                {
                    state[(i * size) + column] *= decay;
                    old += k[i] * state[(i * size) + column];
                }

                for (var i = 0; i < keys; i++)
                {
                    state[(i * size) + column] += k[i] * (v[column] - old) * Sigmoid(rates[head]);
                    o[column] += q[i] * state[(i * size) + column];
                }
            }

            var factor = 1 / Math.Sqrt((o.Sum(value => value * value) / size) + Epsilon);
            return [.. o.Select((value, column) => value * factor * Norm[column] * gate[column] * Sigmoid(gate[column]))];
        }

        private static double[] Unit(ReadOnlySpan<double> values)
        {
            double[] copy = [.. values];
            var length = Math.Sqrt(copy.Sum(value => value * value) + 1e-6);
            return [.. copy.Select(value => value / length)];
        }

        private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
    }
}
