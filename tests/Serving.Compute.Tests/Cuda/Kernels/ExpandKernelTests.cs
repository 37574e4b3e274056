using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Deltas that are made before the end of a Linear are those that the end makes, bit by bit, and nothing else is touched or added.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ExpandKernelTests
{
    private const float Untouched = -12345;

    /// <summary>Cases by rows of a tile: whole tiles, and those of a decoding batch.</summary>
    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var name in LoraCase.All.Keys)
            {
                cases.Add(name, RowTile.MaxRows);
                cases.Add(name, 4);
            }

            return cases;
        }
    }

    /// <summary>The end of a product of zeros keeps the delta alone.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Expand_AnyMix_IsTheDeltaOfFinish(string name, int tileRows)
    {
        using var session = new KernelSession();
        var test = LoraCase.All[name];
        var fixture = new LoraFixture(session, test, tileRows);
        var stride = Values.Stride(test.Columns);
        var count = test.RowCount * stride;
        var end = FinishOperands.Create(session, fixture, test, FinishOperands.WithPartials(session, fixture), new float[count], null, LinearOutput.Keep);
        var filled = new float[count];
        filled.AsSpan().Fill(Untouched);
        var expand = end with { Output = session.Upload<float>(filled), OutputStride = stride };
        session.Launch("srv_lora_expand", new CudaGrid(3, 2), 128, KernelSet.FinishSharedBytes, expand);
        session.Launch("srv_linear_finish", new CudaGrid(3, 2), 128, KernelSet.FinishSharedBytes, end);
        var (deltas, ends) = (session.Download<float>(expand.Output, count), session.Download<float>(end.Output, count));
        for (var row = 0; row < test.RowCount; row++)
        {
            for (var column = 0; column < stride; column++)
            {
                var slice = Array.FindIndex(test.Slices, slice => column >= slice.Offset && column < slice.Offset + slice.Width);
                var expected = fixture.Find(test.RowSlots[row], slice) is null ? Untouched : ends[(row * stride) + column];
                Assert.True(expected == deltas[(row * stride) + column], $"row {row}, column {column}: {deltas[(row * stride) + column]}, expected {expected}");
            }
        }
    }
}
