using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;

namespace Serving.Benchmarks;

/// <summary>
/// What settings of the CUDA backend are chosen by: cuBLASLt's candidates for every product of a layer, with their times and what numbers of rows they refuse, and
/// decoding steps of a few layers with more and less of the next weight brought to L2.
/// </summary>
internal static class CudaExploreMode
{
    private const int Layers = 8;
    private const int Candidates = 12;
    private const long RotatedBytes = 400L << 20;
    private static readonly int[] Rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

    /// <summary>Arguments: <c>--shape 8b|tiny</c>, <c>--parts products,prefetch</c>.</summary>
    public static void Run(string[] args)
    {
        var shape = BenchmarkShape.Find(Option(args, "--shape") ?? "8b");
        var parts = Option(args, "--parts")?.Split(',') ?? ["products", "prefetch"];
        if (parts.Contains("prefetch"))
        {
            Prefetches(shape.WithLayers(Layers));
        }

        if (parts.Contains("products"))
        {
            Products(shape);
        }
    }

    private static void Prefetches(BenchmarkShape shape)
    {
        var program = shape.Program();
        foreach (var mebibytes in (int[])[0, 8, 16, 24, 32, 48, 0])
        {
            using var backend = new CudaBackend(program, new CudaBackendOptions { PrefetchBytes = (long)mebibytes << 20 });
            BenchmarkShape.LoadWeights(backend, program);
            var adapter = StepSession.Adapter(program, DecodeBenchmark.Rank, _ => true);
            var session = new StepSession(backend, program, [.. Enumerable.Repeat(adapter, shape.Batch)], shape.Many, shape.Context);
            var plain = StepSession.Best(session.Decode(shape.Batch, _ => -1), shape.Milliseconds / 2);
            var with = StepSession.Best(session.Decode(shape.Batch, i => i), shape.Milliseconds / 2);
            Write($"{Layers} layers, batch {shape.Batch}, {mebibytes,2} MiB brought to L2: {plain * 1e3:F4} ms, with as many adapters {with * 1e3:F4} ms");
        }
    }

    private static void Products(BenchmarkShape shape)
    {
        if (!CudaLibraries.TryLoadDriver(out var reason) || !CudaLibraries.TryLoadBlas(out reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        using var context = CudaContext.Create(CudaDevice.Get(0));
        using var stream = CudaStream.Create(context);
        using var blas = CublasLt.Create(context);
        var weights = shape.Program().Weights.Where(weight => weight.Kind == WeightKind.Matrix).Select(weight => (weight.Rows, weight.Columns)).Distinct();
        foreach (var (outputs, inputs) in weights)
        {
            using var product = new MatmulDescription(blas, outputs, inputs, inputs, inputs, outputs, CudaDataType.Float32);
            var bytes = 2L * outputs * inputs;
            var copies = (int)Math.Max(1, RotatedBytes / bytes);
            using var weight = CudaDeviceBuffer.Allocate(context, bytes * copies);
            using var input = CudaDeviceBuffer.Allocate(context, 2L * Rows[^1] * inputs);
            using var output = CudaDeviceBuffer.Allocate(context, 4L * Rows[^1] * outputs);
            weight.Clear(stream);
            input.Clear(stream);
            foreach (var rows in (int[])[1, 8, 32, 64, 256, 2048])
            {
                foreach (var splits in (bool[])[true, false])
                {
                    Write($"{outputs} x {inputs}, {rows} rows, {(splits ? "any" : "no splits")}: {bytes / 4.29e12 * 1e6:F1} us to read the weight");
                    foreach (var algorithm in product.Candidates(rows, splits).Take(Candidates))
                    {
                        var turn = 0;
                        var seconds = DeviceLimits.Seconds(context, stream, () =>
                        {
                            for (var i = 0; i < copies; i++)
                            {
                                product.Run(stream, in algorithm, weight.Address + (ulong)(turn++ % copies * bytes), input.Address, output.Address, rows);
                            }
                        }) / copies;
                        var refused = Rows.Where(m => !product.Takes(algorithm, m));
                        Write($"    {seconds * 1e6,8:F2} us  [{string.Join(' ', Configuration(algorithm))}]{(refused.Any() ? " refuses " + string.Join(' ', refused) : string.Empty)}");
                    }
                }
            }
        }
    }

    /// <summary>cublasLtMatmulAlgoConfigAttributes_t: id, tile, splits, reduction, swizzle, custom, stages, inner shape, cluster.</summary>
    private static unsafe IEnumerable<int> Configuration(MatmulAlgorithm algorithm)
    {
        var values = new int[9];
        for (var attribute = 0; attribute < values.Length; attribute++)
        {
            uint value = 0;
            _ = CublasLtApi.MatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, attribute < 7 ? 4u : 2u, out _);
            values[attribute] = (int)value;
        }

        return values;
    }

    private static void Write(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
