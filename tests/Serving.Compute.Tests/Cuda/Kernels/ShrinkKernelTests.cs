using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>x·Aᵀ as partial planes, by both kernels, over the case table.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ShrinkKernelTests
{
    /// <summary>Cases by both kernels.</summary>
    public static TheoryData<string, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (var name in LoraCase.All.Keys)
            {
                cases.Add(name, false);
                cases.Add(name, true);
            }

            return cases;
        }
    }

    /// <summary>Every plane holds its chunk's products; what belongs to no adapter is left as it was.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Shrink_AnyMix_MatchesFormula(string name, bool tensorCores)
    {
        using var session = new KernelSession();
        var test = LoraCase.All[name];
        var x = Values.Random(test.RowCount, test.InputWidth, 1, 7).ToBFloat16();
        var fixture = new LoraFixture(session, test);
        var partials = Run(session, fixture, test, x, tensorCores, blocks: 5);
        var slots = test.RowSlots;
        for (var row = 0; row < test.RowCount; row++)
        {
            var inputs = x.ToSingles().AsSpan(row * Values.Stride(test.InputWidth), test.InputWidth).ToArray();
            for (var slice = 0; slice < test.Slices.Length; slice++)
            {
                var weights = fixture.Find(slots[row], slice);
                for (var plane = 0; plane < fixture.Planes; plane++)
                {
                    for (var rank = 0; rank < LoraFixture.RankStride; rank++)
                    {
                        var actual = partials[fixture.PartialAt(plane, row, slice, rank)];
                        if (weights is null || rank >= (weights.Rank + 7) / 8 * 8)
                        {
                            Assert.Equal(-1f, actual);
                            continue;
                        }

                        var expected = 0.0;
                        var first = plane * LoraParameters.ShrinkChunk;
                        for (var k = first; rank < weights.Rank && k < Math.Min(first + LoraParameters.ShrinkChunk, test.InputWidth); k++)
                        {
                            expected += inputs[k] * BFloat16Bits.ToSingle(weights.A.Span[(rank * test.InputWidth) + k]);
                        }

                        Values.AssertClose(expected, actual, 2e-5, $"row {row}, slice {slice}, plane {plane}, rank {rank}");
                    }
                }
            }
        }
    }

    /// <summary>A row's bits do not depend on the rows beside it, nor on how the work is dealt out.</summary>
    [Theory]
    [InlineData("decode")]
    [InlineData("prefill")]
    [InlineData("long rows")]
    public void Shrink_RowsAlone_AreEqual(string name)
    {
        using var session = new KernelSession();
        var test = LoraCase.All[name];
        var x = Values.Random(test.RowCount, test.InputWidth, 1, 7).ToBFloat16();
        var together = Run(session, new LoraFixture(session, test), test, x, tensorCores: true, blocks: 3);
        var alone = Run(session, new LoraFixture(session, test, tileRows: 1), test, x, tensorCores: true, blocks: 40);
        Assert.Equal(together, alone);
    }

    private static float[] Run(KernelSession session, LoraFixture fixture, LoraCase test, ushort[] x, bool tensorCores, int blocks)
    {
        var untouched = new float[fixture.PartialCount];
        untouched.AsSpan().Fill(-1);
        var lora = fixture.Lora;
        lora.Partials = session.Upload<float>(untouched);
        var items = fixture.ShrinkItems();
        var parameters = new ShrinkParameters
        {
            Lora = lora,
            Input = session.Upload<ushort>(x),
            RowSlots = session.Upload<int>(test.RowSlots),
            RowCount = session.Upload(test.RowCount),
            Items = session.Upload<ShrinkItem>(items),
            ItemRange = session.Upload(new ListRange { Count = items.Length }),
            InputStride = Values.Stride(test.InputWidth),
        };
        if (tensorCores)
        {
            session.Launch("srv_lora_shrink", new CudaGrid(blocks), 128, KernelSet.ShrinkSharedBytes, parameters);
        }
        else
        {
            session.Launch("srv_lora_shrink_plain", new CudaGrid(blocks), 128, 0, parameters);
        }

        return session.Download<float>(lora.Partials, fixture.PartialCount);
    }
}
