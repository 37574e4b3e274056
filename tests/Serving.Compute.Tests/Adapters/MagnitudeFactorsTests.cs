using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Adapters;

/// <summary>DoRA's factors: what they are, what they are read from, and what is out of range.</summary>
public class MagnitudeFactorsTests
{
    private static readonly TestShape Shape = TestShape.Mixture with { Hidden = 100, Experts = 3, AdaptsExperts = true, HasMagnitudes = true };

    /// <summary>Every slice of a model with experts and widths that are no multiples of anything, against double precision.</summary>
    [Fact]
    public void Of_EverySlice_IsMagnitudeByLength()
    {
        var test = TestProgram.Create(Shape);
        using var backend = new ManagedBackend(test.Program, new ManagedBackendOptions { Threads = 1 });
        test.LoadInto(backend);
        var adapter = test.CreateAdapter(4, (_, expert) => 5 + expert);
        var factors = Prepare(backend, adapter).Factors;
        foreach (var (slice, actual) in adapter.Slices.Zip(factors))
        {
            var (spec, linear) = (test.Program.Slices[slice.Slice], test.Program.Ops.OfType<LinearOp>().Single(op => op.Slices.Any(other => other.Index == slice.Slice)));
            var weight = test.Program.Weights[linear.Weight];
            Assert.Equal(spec.OutputWidth, actual.Length);
            for (var n = 0; n < actual.Length; n++)
            {
                var row = test.Weights[linear.Weight].AsSpan(((slice.Expert * weight.RowsPerExpert) + spec.OutputOffset + n) * weight.Columns, weight.Columns).ToArray();
                var square = 0.0;
                for (var k = 0; k < row.Length; k++)
                {
                    var delta = Enumerable.Range(0, slice.Rank).Sum(r => (double)Value(slice.B, (n * slice.Rank) + r) * Value(slice.A, (r * row.Length) + k));
                    square += Math.Pow(BFloat16Bits.ToSingle(row[k]) + (slice.Scale * delta), 2);
                }

                var expected = slice.Magnitudes.Span[n] / Math.Sqrt(square);
                Assert.Equal(expected, actual[n], Math.Abs(expected) * 1e-6);
            }
        }
    }

    /// <summary>The native library gives its weights back as they were loaded, in every format: its factors have the bits of the managed backend's.</summary>
    [Theory]
    [InlineData(WeightFormat.BFloat16)]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    [InlineData(WeightFormat.Mxfp4)]
    [InlineData(WeightFormat.Iq4)]
    public void Of_NativeWeights_AreTheManagedBackends(WeightFormat format)
    {
        Assert.SkipUnless(CpuBackend.IsAvailable(out var reason), reason);
        var test = TestProgram.Create(Shape with { Format = format });
        using var managed = new ManagedBackend(test.Program, new ManagedBackendOptions { Threads = 1 });
        using var native = new CpuBackend(test.Program, new CpuBackendOptions { Threads = 1 });
        test.LoadInto(managed);
        test.LoadInto(native);
        var adapter = test.CreateAdapter(4, (_, expert) => 5 + expert);
        Assert.Equal(Prepare(managed, adapter).Factors, Prepare(native, adapter).Factors);
    }

    [Fact]
    public void Of_ARowOfZeros_Is0()
    {
        var adapter = new AdapterSlice(0, 1, 1, new ushort[40], new ushort[3]) { Magnitudes = new float[] { 1, 2, 3 } };
        Assert.Equal([0f, 0, 0], MagnitudeFactors.Of(Program(), 0, adapter, (_, _, _, values) => values.Clear(), CancellationToken.None));
    }

    [Theory]
    [InlineData(1e-30f, 3e38f)]
    [InlineData(3e38f, 1f)]
    public void Of_OutOfRange_IsSaid(float weight, float magnitude)
    {
        var b = Enumerable.Repeat(BFloat16Bits.FromSingle(weight > 1 ? 3e38f : 0), 3).ToArray();
        var adapter = new AdapterSlice(0, 1, 8, Enumerable.Repeat(BFloat16Bits.FromSingle(1), 40).ToArray(), b) { Magnitudes = new float[] { magnitude, 1, 1 } };
        Assert.Throws<AdapterRangeException>(() => MagnitudeFactors.Of(Program(), 0, adapter, (_, _, _, values) => values.Fill(weight), CancellationToken.None));
    }

    /// <summary>How many threads there are is a matter of the machine: it changes no bit.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(64)]
    public void Of_AnyNumberOfThreads_HasTheSameBits(int threads)
    {
        var test = TestProgram.Create(Shape);
        var adapter = test.CreateAdapter(4, (_, expert) => 5 + expert);
        float[][] On(int count) => MagnitudeFactors.Of(test.Program, adapter, Read, count, CancellationToken.None);
        Assert.Equal(On(1), On(threads));

        void Read(int weight, int firstRow, int rows, Span<float> values)
        {
            var source = test.Weights[weight].AsSpan(firstRow * test.Program.Weights[weight].Columns, values.Length);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = BFloat16Bits.ToSingle(source[i]);
            }
        }
    }

    /// <summary>Whoever gives up waits for the rows that are being computed, and for no others.</summary>
    [Fact]
    public void Of_GivenUp_EndsWithinTheRowsUnderWay()
    {
        using var given = new CancellationTokenSource();
        var adapter = new AdapterSlice(0, 1, 1, new ushort[40], new ushort[64]) { Magnitudes = new float[64] };
        var reads = 0;
        var weights = new AdapterWeights([adapter, adapter with { Expert = 0 }]);
        Assert.Throws<OperationCanceledException>(() => MagnitudeFactors.Of(Program(64), 0, adapter, Read, given.Token));
        Assert.Equal(2, reads);
        Assert.Throws<OperationCanceledException>(() => MagnitudeFactors.Of(Program(64), weights, Read, 1, given.Token));
        Assert.Equal(2, reads);

        void Read(int weight, int firstRow, int rows, Span<float> values)
        {
            values.Clear();
            if (++reads == 2)
            {
                given.Cancel();
            }
        }
    }

    /// <summary>Each piece is done once; the first that fails is what is thrown, and no other is begun behind it.</summary>
    [Fact]
    public void Run_Pieces_AreDoneOnceUntilOneFails()
    {
        var done = new int[100];
        PreparingThreads.Run(done.Length, 3, piece => Interlocked.Increment(ref done[piece]), CancellationToken.None);
        Assert.All(done, times => Assert.Equal(1, times));
        Assert.Throws<AdapterRangeException>(() => PreparingThreads.Run(done.Length, 1, piece => done[piece] += piece == 3 ? throw new AdapterRangeException("planted") : 1, CancellationToken.None));
        Assert.Equal([2, 2, 2, 1, 1], done[..5]);
    }

    /// <summary>An adapter's vector takes room in host memory and cells of its own in its pages, behind those of its matrices.</summary>
    [Fact]
    public void Create_WithMagnitudes_TakesCellsBehindTheMatrices()
    {
        LoraSlice[] slices = [new(0, 0, Projection.Up, 64, 0, 700), new(1, 0, Projection.Down, 700, 0, 64)];
        AdapterSlice[] plain = [.. slices.Select(slice => new AdapterSlice(slice.Index, 8, 1, new ushort[8 * slice.InputWidth], new ushort[8 * slice.OutputWidth]))];
        AdapterSlice[] scaled = [.. plain.Select((slice, i) => slice with { Magnitudes = new float[slices[i].OutputWidth] })];
        var (without, with) = (AdapterLayout.Create(slices, new AdapterWeights(plain), 8192), AdapterLayout.Create(slices, new AdapterWeights(scaled), 8192));
        Assert.Equal(without.CellCount + 3 + 1, with.CellCount);
        Assert.All(with.Slices, slice => Assert.Equal(CellMatrix.Factor, slice.Runs[^1].Matrix));
        Assert.Equal(MatrixAdapter.BytesOf(new AdapterWeights(plain)) + (8 * 764), MatrixAdapter.BytesOf(new AdapterWeights(scaled)));
    }

    private static float Value(ReadOnlyMemory<ushort> values, int at) => BFloat16Bits.ToSingle(values.Span[at]);

    private static MatrixAdapter Prepare(IComputeBackend backend, AdapterWeights adapter)
    {
        backend.AllocatePool(new PoolShape(8, backend.PageBytes, 1), new Serving.Compute.Steps.StepLimits(16, 1, 1, 16));
        return MatrixAdapter.From(backend.PrepareAdapter(adapter)!);
    }

    /// <summary>One slice over one weight of 40 columns.</summary>
    private static ModelProgram Program(int rows = 3) => new(
        "one", new ModelShape(40, 3, 1, 1, 1, 16, 16), RopeTable.Create(1, [1]), [], [new WeightSpec(0, "w", rows, 40, WeightKind.Matrix, [])], [new LoraSlice(0, 0, Projection.Down, 40, 0, rows)], []);
}
