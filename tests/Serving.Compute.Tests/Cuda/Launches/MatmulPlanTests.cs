using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Launches;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Tests.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Launches;

/// <summary>
/// Products by plan, with algorithms of cuBLASLt that refuse some numbers of rows, as real ones may: none of these is chosen for rows that it would be given.
/// The emulator's heuristic prefers algorithm 2, which splits few rows, then 1, then 3.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed partial class MatmulPlanTests : IDisposable
{
    private const int Outputs = 24;
    private const int Inputs = 512;
    private const int MaxRows = 40;

    public MatmulPlanTests() => CudaEmulator.RequireEmulated();

    public void Dispose() => RefuseProducts(0, 1, 0);

    /// <summary>A pinned plan: a row's bits are the same alone and in every crowd, whatever the algorithm that would be the first refuses.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(17, 17)]
    [InlineData(40, 40)]
    public void Pinned_AlgorithmRefusesSomeRows_TakesTheNext(int first, int last)
    {
        RefuseProducts(1, (ulong)first, (ulong)last);
        using var fixture = new DriverFixture();
        using var products = new Products(fixture, pinned: true);
        var alone = products.Run(1);
        for (var rows = 2; rows <= MaxRows; rows++)
        {
            Assert.Equal(alone, products.Run(rows).AsSpan(0, Outputs).ToArray());
        }
    }

    /// <summary>A plan by numbers of rows, those that are taken together with a refused one included.</summary>
    [Theory]
    [InlineData(2, 3, 3)]
    [InlineData(1, 21, 22)]
    [InlineData(2, 1, 16)]
    public void Bucketed_AlgorithmRefusesSomeRows_TakesTheNext(int algorithm, int first, int last)
    {
        using var fixture = new DriverFixture();
        float[][] expected;
        using (var products = new Products(fixture, pinned: false))
        {
            expected = [.. Enumerable.Range(1, MaxRows).Select(products.Run)];
        }

        RefuseProducts((uint)algorithm, (ulong)first, (ulong)last);
        using var refused = new Products(fixture, pinned: false);
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            Assert.All(expected[rows - 1].Zip(refused.Run(rows)), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        }
    }

    /// <summary>Two planes add up to the product, and a row's are the same in any crowd.</summary>
    [Fact]
    public void Planes_AnyRows_AddUpToTheProduct()
    {
        using var fixture = new DriverFixture();
        using var whole = new Products(fixture, pinned: true);
        using var halves = new Products(fixture, pinned: true, planes: 2);
        var alone = halves.Run(1);
        for (var rows = 1; rows <= MaxRows; rows += 13)
        {
            var (expected, actual) = (whole.Run(rows), halves.Run(rows));
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], actual[i] + actual[(MaxRows * Outputs) + i], 1e-4);
            }

            Assert.Equal(alone.AsSpan(0, Outputs).ToArray(), actual.AsSpan(0, Outputs).ToArray());
            Assert.Equal(alone.AsSpan(MaxRows * Outputs, Outputs).ToArray(), actual.AsSpan(MaxRows * Outputs, Outputs).ToArray());
            Assert.NotEqual(expected.AsSpan(0, Outputs).ToArray(), actual.AsSpan(0, Outputs).ToArray());
        }
    }

    /// <summary>Cut where a device of 132 multiprocessors would be half idle: an 8B model's o and down, not its qkv, gate_up or head, nor what is too short or not whole.</summary>
    [Theory]
    [InlineData(4096, 4096, 2)]
    [InlineData(4096, 14336, 2)]
    [InlineData(6144, 4096, 1)]
    [InlineData(28672, 4096, 1)]
    [InlineData(4096, 256, 1)]
    [InlineData(4096, 4160, 1)]
    public void PlanesOf_Weight_IsWhatItsTilesLeaveIdle(int outputs, int inputs, int planes) => Assert.Equal(planes, ProductPlanes.Of(outputs, inputs, 132));

    /// <summary>Where every algorithm refuses something, the plan says so at once, not a step later.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Any_EveryAlgorithmRefuses_FailsAtStart(bool pinned)
    {
        RefuseProducts(0, 7, 7);
        using var fixture = new DriverFixture();
        var exception = Assert.Throws<CudaException>(() => new Products(fixture, pinned));
        Assert.Contains("rows of 512 inputs and 24 outputs", exception.Message, StringComparison.Ordinal);
    }

    [LibraryImport("serving_cuda_emulator", EntryPoint = "srv_emulator_refuse_products")]
    private static partial void RefuseProducts(uint algorithm, ulong first, ulong last);

    private sealed class Products : IDisposable
    {
        private readonly DriverFixture _fixture;
        private readonly int _floats;
        private readonly CublasLt _blas;
        private readonly MatmulPlans _plans;
        private readonly MatmulPlan _plan;
        private readonly CudaDeviceBuffer _weight;
        private readonly CudaDeviceBuffer _input;
        private readonly CudaDeviceBuffer _output;

        public Products(DriverFixture fixture, bool pinned, int planes = 1)
        {
            Assert.True(CudaLibraries.TryLoadBlas(out var reason), reason);
            _fixture = fixture;
            _floats = planes * MaxRows * Outputs;
            _blas = CublasLt.Create(fixture.Context);
            _weight = Upload(Outputs * Inputs, 1);
            _input = Upload(MaxRows * Inputs, 2);
            _output = CudaDeviceBuffer.Allocate(fixture.Context, planes * MaxRows * Outputs * sizeof(float));
            _output.Clear(fixture.Stream);
            _plans = new MatmulPlans(_blas, MaxRows, pinned);
            try
            {
                _plan = _plans.Get(Outputs, Inputs, Outputs, CudaDataType.Float32, planes, planes > 1 ? MaxRows * Outputs : 0);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public float[] Run(int rows)
        {
            _plan.Run(_fixture.Stream, _weight.Address, _input.Address, _output.Address, rows);
            var values = new float[_floats == MaxRows * Outputs ? rows * Outputs : _floats];
            _output.CopyTo(0, values.AsSpan(), _fixture.Stream);
            return values;
        }

        public void Dispose()
        {
            _plans.Dispose();
            _output.Dispose();
            _input.Dispose();
            _weight.Dispose();
            _blas.Dispose();
        }

        private CudaDeviceBuffer Upload(int count, int seed)
        {
            var random = new Random(seed);
            var buffer = CudaDeviceBuffer.Allocate(_fixture.Context, count * sizeof(ushort));
            buffer.CopyFrom<ushort>(0, [.. Enumerable.Range(0, count).Select(_ => BFloat16Bits.FromSingle((float)random.NextDouble() - 0.5f))], _fixture.Stream);
            return buffer;
        }
    }
}
