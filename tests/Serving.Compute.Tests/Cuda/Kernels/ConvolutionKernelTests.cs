using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The convolution over a sequence's last rows, and the state that it leaves.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ConvolutionKernelTests
{
    private const int FirstColumn = 3;
    private const int PageFloats = 1024;

    /// <summary>Columns, taps, where the state begins, blocks: states within a page, over a border of two in the middle of a row, of more than one page, and of no rows.</summary>
    public static TheoryData<int, int, int, int> Cases => new() { { 5, 4, 0, 1 }, { 300, 4, 1008, 3 }, { 600, 3, 2064, 40 }, { 70, 1, 16, 2 }, { 33, 9, 944, 7 } };

    /// <summary>Four sequences: a long one from its beginning, single rows, and fewer rows than there are taps; the last three have been here before but one.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Convolution_AnySize_MatchesFormula(int columns, int taps, int first, int blocks)
    {
        Check(columns, taps, first, blocks, silu: true, hasBias: false);
        Check(columns, taps, first, blocks, silu: false, hasBias: true);
    }

    /// <summary>A prompt in pieces has the bits that it has in one, and leaves the same state.</summary>
    [Fact]
    public void Convolution_InPieces_IsEqual()
    {
        const int Columns = 70, Taps = 4, Rows = 13;
        var x = Values.Random(Rows, FirstColumn + Columns, 2, 5);
        var whole = new StateArena(2, 1008, (Taps - 1) * Columns, PageFloats);
        var expected = Convolve(whole, x, Columns, Taps, 2, true, true, [Sequence(0, Rows, -1, whole.At(1))]);
        foreach (var piece in (int[])[1, 2, 5])
        {
            var arena = new StateArena(2, 1008, (Taps - 1) * Columns, PageFloats);
            var actual = new List<float>();
            var version = 0;
            for (var row = 0; row < Rows; row += piece, version = 1 - version)
            {
                var rows = Math.Min(piece, Rows - row);
                var own = x.AsSpan(row * Values.Stride(FirstColumn + Columns), rows * Values.Stride(FirstColumn + Columns)).ToArray();
                actual.AddRange(Convolve(arena, own, Columns, Taps, 2, true, true, [Sequence(0, rows, row == 0 ? -1 : arena.At(version), arena.At(1 - version))]));
            }

            Assert.Equal(expected, actual);
            Assert.Equal(whole.Read(1), arena.Read(version));
        }
    }

    private static StepSequence Sequence(int firstRow, int rows, int read, int write) => new() { FirstRow = firstRow, RowCount = rows, StateRead = read, StateWrite = write };

    private static void Check(int columns, int taps, int first, int blocks, bool silu, bool hasBias)
    {
        int[] rows = [7, 1, 2, 1];
        bool[] isNew = [true, false, false, true];
        var arena = new StateArena(2 * rows.Length, first, (taps - 1) * columns, PageFloats);
        var sequences = rows.Select((count, i) => Sequence(rows[..i].Sum(), count, isNew[i] ? -1 : arena.At(2 * i), arena.At((2 * i) + 1))).ToArray();
        var before = rows.Select((_, i) => Enumerable.Range(0, (taps - 1) * columns).Select(n => isNew[i] ? 0 : MathF.Sin((n * 7) + i)).ToArray()).ToArray();
        foreach (var i in Enumerable.Range(0, rows.Length).Where(i => !isNew[i]))
        {
            arena.Write(2 * i, before[i]);
        }

        var x = Values.Random(rows.Sum(), FirstColumn + columns, 2, columns);
        var y = Convolve(arena, x, columns, taps, blocks, silu, hasBias, sequences);
        var (weight, bias) = (Weight(columns, taps), Bias(columns));
        for (var i = 0; i < rows.Length; i++)
        {
            for (var column = 0; column < columns; column++)
            {
                float[] history = [.. Enumerable.Range(0, taps - 1).Select(tap => before[i][(tap * columns) + column]), .. Enumerable.Range(0, rows[i]).Select(row => Input(sequences[i].FirstRow + row, column))];
                for (var row = 0; row < rows[i]; row++)
                {
                    var sum = Enumerable.Range(0, taps).Sum(tap => (double)weight[(tap * columns) + column] * history[row + tap]) + (hasBias ? bias[column] : 0);
                    Values.AssertClose(silu ? sum / (1 + Math.Exp(-sum)) : sum, y[((sequences[i].FirstRow + row) * columns) + column], 3e-6, $"sequence {i}, row {row}, column {column}");
                }

                var written = arena.Read((2 * i) + 1);
                Assert.Equal(history[rows[i]..], Enumerable.Range(0, taps - 1).Select(tap => written[(tap * columns) + column]));
            }
        }

        float Input(int row, int column) => x[(row * Values.Stride(FirstColumn + columns)) + FirstColumn + column];
    }

    private static float[] Weight(int columns, int taps) => [.. Enumerable.Range(0, taps * columns).Select(i => MathF.Cos(i * 1.7f))];

    private static float[] Bias(int columns) => [.. Enumerable.Range(0, columns).Select(i => MathF.Cos(i * 0.3f) / 2)];

    /// <summary>Runs the kernel; rows without gaps.</summary>
    private static float[] Convolve(StateArena arena, float[] x, int columns, int taps, int blocks, bool silu, bool hasBias, StepSequence[] sequences)
    {
        using var session = new KernelSession();
        var rows = sequences.Sum(sequence => sequence.RowCount);
        var parameters = new ConvolutionParameters
        {
            State = arena.Upload(session, sequences),
            Input = session.Upload<float>(x) + (FirstColumn * sizeof(float)),
            Output = session.Allocate<float>(rows * Values.Stride(columns)),
            Weight = session.Upload<float>(Weight(columns, taps)),
            Bias = hasBias ? session.Upload<float>(Bias(columns)) : 0,
            RowSequences = session.Upload<int>([.. sequences.SelectMany((sequence, i) => Enumerable.Repeat(i, sequence.RowCount))]),
            RowCount = session.Upload(rows),
            Columns = columns,
            Taps = taps,
            InputStride = Values.Stride(FirstColumn + columns),
            OutputStride = Values.Stride(columns),
            Silu = silu ? 1 : 0,
        };
        session.Launch("srv_convolution", new CudaGrid(blocks), 256, 0, parameters);
        arena.Download(session, [.. sequences.Select(sequence => sequence.StateWrite / arena.PagesPerVersion)]);
        var y = session.Download<float>(parameters.Output, rows * Values.Stride(columns));
        return [.. Enumerable.Range(0, rows).SelectMany(row => y.AsSpan(row * Values.Stride(columns), columns).ToArray())];
    }
}
