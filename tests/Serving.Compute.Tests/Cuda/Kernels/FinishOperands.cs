using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What the end of a Linear reads: a product, a bias, partial sums of every rank, and a residual stream where it is added to one.</summary>
internal static class FinishOperands
{
    /// <summary>Floats between two planes of a product.</summary>
    private const int PlaneGap = 12;

    /// <summary>What the residual stream held.</summary>
    public static float Residual(int at) => (at % 29) - 14;

    /// <summary>Partial sums of every rank that an adapter has; what belongs to none is not a number.</summary>
    public static float[] Partials(LoraFixture fixture)
    {
        var random = new Random(3);
        var partials = new float[fixture.PartialCount];
        partials.AsSpan().Fill(float.NaN);
        for (var row = 0; row < fixture.Tiles.RowCount; row++)
        {
            for (var slice = 0; slice < fixture.Lora.SliceCount; slice++)
            {
                var rank = fixture.Find(fixture.Tiles.Slots[row], slice)?.Rank ?? 0;
                for (var r = 0; r < (rank + 7) / 8 * 8; r++)
                {
                    for (var plane = 0; plane < fixture.Planes; plane++)
                    {
                        partials[fixture.PartialAt(plane, row, slice, r)] = r < rank ? (float)random.NextDouble() - 0.5f : 0;
                    }
                }
            }
        }

        return partials;
    }

    /// <summary>The LoRA with these partial sums on the device.</summary>
    public static LoraParameters WithPartials(KernelSession session, LoraFixture fixture)
    {
        var lora = fixture.Lora;
        lora.Partials = session.Upload<float>(Partials(fixture));
        return lora;
    }

    /// <summary>
    /// A product and a bias whose sum is −0 in every fifth column, which a delta of 0 would make 0: what has no delta must have none added.
    /// </summary>
    public static (float[] Product, ushort[] Bias) WithNegativeZeros(LoraCase test)
    {
        var product = Values.Random(test.RowCount, test.Columns, 2, 1);
        var bias = Values.Random(1, test.Columns, 1, 2).ToBFloat16();
        for (var column = 0; column < test.Columns; column += 5)
        {
            bias[column] = 0x8000;
            for (var row = 0; row < test.RowCount; row++)
            {
                product[(row * Values.Stride(test.Columns)) + column] = -0f;
            }
        }

        return (product, bias);
    }

    /// <summary>The parameters of a launch, on the device; the product in more planes where these are given.</summary>
    public static FinishParameters Create(
        KernelSession session, LoraFixture fixture, LoraCase test, LoraParameters lora, float[] product, ushort[]? bias, LinearOutput mode, params float[][] more)
    {
        var stride = Values.Stride(test.Columns);
        var count = test.RowCount * stride;
        var address = session.Upload<float>([.. product, .. more.SelectMany(plane => new float[PlaneGap].Concat(plane))]);
        return new FinishParameters
        {
            Lora = lora,
            Product = address,
            Bias = bias is null ? 0 : session.Upload<ushort>(bias),
            Output = mode switch
            {
                LinearOutput.Keep => address,
                LinearOutput.Round => session.Allocate<ushort>(count),
                _ => session.Upload<float>([.. Enumerable.Range(0, count).Select(Residual)]),
            },
            RowSlots = session.Upload<int>(test.RowSlots),
            RowCount = session.Upload(test.RowCount),
            Tiles = session.Upload<RowTile>(fixture.TileList),
            TileRange = session.Upload(new ListRange { Count = fixture.TileList.Length }),
            PlaneStride = (ulong)(product.Length + PlaneGap),
            Planes = 1 + more.Length,
            Columns = test.Columns,
            ProductStride = stride,
            OutputStride = stride,
            Mode = (int)mode,
        };
    }
}
