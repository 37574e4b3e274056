using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Managed.Kernels;

/// <summary>Shrink and expand over packed cells against the formulas in double precision.</summary>
public sealed class LoraKernelTests
{
    private const float Scale = 0.75f;

    [Theory]
    [InlineData(1, 64, 64)]
    [InlineData(8, 256, 128)]
    [InlineData(9, 100, 70)]
    [InlineData(64, 40, 33)]
    [InlineData(256, 65, 200)]
    public void ShrinkThenExpand_AnyRankAndWidth_MatchesFormula(int rank, int inputs, int outputs) => Widths.RunAll(new Product(rank, inputs, outputs));

    /// <summary>A delta column is one chain over the ranks in ascending order, whichever part of a panel is asked for.</summary>
    [Theory]
    [InlineData(0, 200)]
    [InlineData(32, 64)]
    [InlineData(64, 136)]
    [InlineData(5, 100)]
    [InlineData(31, 2)]
    public void Expand_AnyColumns_IsOneChainPerColumn(int first, int count) => Widths.RunAll(new Columns(first, count));

    /// <summary>x·Aᵀ is scaled in fp32 and rounded once.</summary>
    [Fact]
    public void Shrink_NotExact_RoundsOnce() => Widths.RunAll(new Rounding());

    /// <summary>An adapter in pages of an arena, as the backend binds it.</summary>
    private sealed unsafe class Fixture : IDisposable
    {
        private readonly PageArena _pages;

        public Fixture(int rank, int inputs, int outputs)
        {
            var random = new Random(rank + inputs + outputs);
            A = TestProgram.Normal(random, rank * inputs, 1 / Math.Sqrt(inputs));
            B = TestProgram.Normal(random, outputs * rank, 1);
            var adapter = new AdapterWeights([new AdapterSlice(0, rank, Scale, A, B)]);
            LoraSlice[] slices = [new(0, 0, Projection.Query, inputs, 0, outputs)];
            var prepared = new MatrixAdapter(adapter, [[]], AdapterLayout.Create(slices, adapter, 8192));
            _pages = new PageArena(new ModelShape(16, 16, 1, 1, 1, 16, 16), new PoolShape(prepared.PageCount + 3, 8192, 1), exact: false);
            var table = new AdapterTable(slices, _pages, 1);
            table.Pack(0, prepared, [.. Enumerable.Range(0, prepared.PageCount).Select(page => (page + 3) % (prepared.PageCount + 3))]);
            Binding = table.Find(0, 0, 0)!;
            X = new NativeBuffer<float>((inputs + 63) / 64 * 64);
            for (var i = 0; i < inputs; i++)
            {
                X.Pointer[i] = BFloat16Bits.Round((float)(random.NextDouble() - 0.5));
            }

            V = new NativeBuffer<float>(256);
            Y = new NativeBuffer<float>(outputs);
        }

        public ushort[] A { get; }

        public ushort[] B { get; }

        public SliceBinding Binding { get; }

        public NativeBuffer<float> X { get; }

        public NativeBuffer<float> V { get; }

        public NativeBuffer<float> Y { get; }

        public void Dispose()
        {
            X.Dispose();
            V.Dispose();
            Y.Dispose();
            _pages.Dispose();
        }
    }

    private sealed unsafe class Product(int rank, int inputs, int outputs) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var fixture = new Fixture(rank, inputs, outputs);
            LoraKernel<TL, TV>.Shrink(fixture.X.Pointer, fixture.Binding, exact: true, fixture.V.Pointer);
            LoraKernel<TL, TV>.Expand(fixture.V.Pointer, fixture.Binding, 0, outputs, fixture.Y.Pointer);
            var v = ReferenceOps.Multiply(fixture.X.ToDoubles()[..inputs], fixture.A, rank).Select(value => value * Scale).ToArray();
            var y = ReferenceOps.Multiply(v, fixture.B, outputs);
            for (var i = 0; i < rank; i++)
            {
                Assert.Equal(v[i], fixture.V.Pointer[i], 1e-6);
            }

            for (var i = 0; i < outputs; i++)
            {
                Assert.Equal(y[i], fixture.Y.Pointer[i], 1e-5);
            }
        }
    }

    private sealed unsafe class Rounding : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var fixture = new Fixture(24, 100, 32);
            LoraKernel<TL, TV>.Shrink(fixture.X.Pointer, fixture.Binding, exact: true, fixture.V.Pointer);
            var exact = fixture.V.ToDoubles();
            LoraKernel<TL, TV>.Shrink(fixture.X.Pointer, fixture.Binding, exact: false, fixture.V.Pointer);
            Assert.Equal(exact.Select(value => (double)BFloat16Bits.Round((float)value)), fixture.V.ToDoubles());
            Assert.NotEqual(exact, fixture.V.ToDoubles());
        }
    }

    private sealed unsafe class Columns(int first, int count) : IWidthTest
    {
        private const int Rank = 19;

        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var fixture = new Fixture(Rank, 64, 200);
            LoraKernel<TL, TV>.Shrink(fixture.X.Pointer, fixture.Binding, exact: false, fixture.V.Pointer);
            LoraKernel<TL, TV>.Expand(fixture.V.Pointer, fixture.Binding, first, count, fixture.Y.Pointer);
            for (var c = 0; c < count; c++)
            {
                var expected = 0f;
                for (var r = 0; r < Rank; r++)
                {
                    expected = LaneMath.MultiplyAdd(fixture.V.Pointer[r], BFloat16Bits.ToSingle(fixture.B[((first + c) * Rank) + r]), expected);
                }

                Assert.Equal(expected, fixture.Y.Pointer[c]);
            }
        }
    }
}
