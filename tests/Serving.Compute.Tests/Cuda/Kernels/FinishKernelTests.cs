using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The end of a Linear: bias, delta and mode, by both kernels, over the case table.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class FinishKernelTests
{
    /// <summary>Cases by both kernels.</summary>
    public static TheoryData<string, bool> Cases => ShrinkKernelTests.Cases;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Finish_Keep_MatchesFormula(string name, bool tensorCores) => Check(name, tensorCores, LinearOutput.Keep, hasBias: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Finish_Accumulate_MatchesFormula(string name, bool tensorCores) => Check(name, tensorCores, LinearOutput.Accumulate, hasBias: false);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Finish_Round_MatchesFormula(string name, bool tensorCores) => Check(name, tensorCores, LinearOutput.Round, hasBias: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Finish_TwoPlanes_MatchesFormula(string name, bool tensorCores) => Check(name, tensorCores, LinearOutput.Accumulate, hasBias: true, planes: 2);

    /// <summary>A Linear without slices: bias and mode alone, at any width.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(300, false)]
    [InlineData(1, true)]
    [InlineData(300, true)]
    [InlineData(513, true)]
    public void Finish_NoSlices_AddsTheBias(int columns, bool tensorCores)
    {
        using var session = new KernelSession();
        var test = new LoraCase(64, [(0, columns)], [], [(-1, 67)]);
        var fixture = new LoraFixture(session, test);
        var lora = fixture.Lora with { SliceCount = 0 };
        var product = Values.Random(test.RowCount, columns, 2, 1);
        var bias = Values.Random(1, columns, 1, 2).ToBFloat16();
        var actual = Run(session, fixture, test, lora, product, bias, LinearOutput.Keep, tensorCores);
        for (var row = 0; row < test.RowCount; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var at = (row * Values.Stride(columns)) + column;
                Assert.Equal(product[at] + BFloat16Bits.ToSingle(bias[column]), actual[at]);
            }
        }
    }

    /// <summary>A row's bits do not depend on the rows beside it.</summary>
    [Theory]
    [InlineData("decode")]
    [InlineData("prefill")]
    public void Finish_RowsAlone_AreEqual(string name)
    {
        using var session = new KernelSession();
        var test = LoraCase.All[name];
        var product = Values.Random(test.RowCount, test.Columns, 2, 1);
        var bias = Values.Random(1, test.Columns, 1, 2).ToBFloat16();
        var results = new List<float[]>();
        foreach (var tileRows in new[] { RowTile.MaxRows, 1 })
        {
            var fixture = new LoraFixture(session, test, tileRows);
            results.Add(Run(session, fixture, test, FinishOperands.WithPartials(session, fixture), product, bias, LinearOutput.Keep, tensorCores: true));
        }

        Assert.Equal(results[0], results[1]);
    }

    private static void Check(string name, bool tensorCores, LinearOutput mode, bool hasBias, int planes = 1)
    {
        using var session = new KernelSession();
        var test = LoraCase.All[name];
        var fixture = new LoraFixture(session, test);
        var product = Values.Random(test.RowCount, test.Columns, 2, 1);
        var bias = hasBias ? Values.Random(1, test.Columns, 1, 2).ToBFloat16() : null;
        var second = planes > 1 ? Values.Random(test.RowCount, test.Columns, 2, 4) : null;
        var partials = FinishOperands.Partials(fixture);
        var actual = Run(session, fixture, test, FinishOperands.WithPartials(session, fixture), product, bias, mode, tensorCores, second);
        for (var row = 0; row < test.RowCount; row++)
        {
            for (var slice = 0; slice < test.Slices.Length; slice++)
            {
                var v = Shrunk(fixture, partials, row, slice, test.RowSlots[row]);
                for (var column = 0; column < test.Slices[slice].Width; column++)
                {
                    var c = test.Slices[slice].Offset + column;
                    var at = (row * Values.Stride(test.Columns)) + c;
                    var expected = product[at] + (second?[at] ?? 0.0) + (bias is null ? 0.0 : BFloat16Bits.ToSingle(bias[c])) + Delta(fixture, test.RowSlots[row], slice, v, column);
                    expected += mode == LinearOutput.Accumulate ? FinishOperands.Residual(at) : 0;
                    var tolerance = 2e-5 + (mode == LinearOutput.Round ? Math.Abs(expected) * 0.00393 : Math.Abs(expected) * 1e-5);
                    Values.AssertClose(expected, actual[at], tolerance, $"row {row}, column {c}");
                }
            }
        }
    }

    /// <summary>v: the planes in order, scaled, rounded once.</summary>
    private static float[] Shrunk(LoraFixture fixture, float[] partials, int row, int slice, int slot)
    {
        if (fixture.Find(slot, slice) is not { } weights)
        {
            return [];
        }

        return [.. Enumerable.Range(0, weights.Rank).Select(rank =>
        {
            var sum = 0f;
            for (var plane = 0; plane < fixture.Planes; plane++)
            {
                sum += partials[fixture.PartialAt(plane, row, slice, rank)];
            }

            return BFloat16Bits.Round(sum * weights.Scale);
        })];
    }

    private static double Delta(LoraFixture fixture, int slot, int slice, float[] v, int column)
    {
        var delta = 0.0;
        for (var rank = 0; rank < v.Length; rank++)
        {
            delta += (double)v[rank] * BFloat16Bits.ToSingle(fixture.Find(slot, slice)!.B.Span[(column * v.Length) + rank]);
        }

        return delta;
    }

    private static float[] Run(
        KernelSession session, LoraFixture fixture, LoraCase test, LoraParameters lora, float[] product, ushort[]? bias, LinearOutput mode, bool tensorCores, float[]? second = null)
    {
        var parameters = FinishOperands.Create(session, fixture, test, lora, product, bias, mode, second is null ? [] : [second]);
        if (tensorCores)
        {
            session.Launch("srv_linear_finish", new CudaGrid(3, 2), 128, KernelSet.FinishSharedBytes, parameters);
        }
        else
        {
            session.Launch("srv_linear_finish_plain", new CudaGrid(7), 128, 4096, parameters);
        }

        var count = test.RowCount * Values.Stride(test.Columns);
        return mode == LinearOutput.Round ? session.Download<ushort>(parameters.Output, count).ToSingles() : session.Download<float>(parameters.Output, count);
    }
}
