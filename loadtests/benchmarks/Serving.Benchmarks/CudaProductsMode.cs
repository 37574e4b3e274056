using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks;

/// <summary>What products are chosen by: cuBLASLt's candidates for every product of a layer, with their times and what numbers of rows they refuse; and the kernel of our own for few rows.</summary>
internal static class CudaProductsMode
{
    private const int Candidates = 12;

    /// <summary>Weights that are multiplied with by turns: many times what a device's cache holds.</summary>
    private const long RotatedBytes = 400L << 20;

    private static readonly int[] Rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

    /// <summary>Arguments: <c>--shape 8b|tiny</c> and <c>--bytes N</c>, the weights that are multiplied with by turns.</summary>
    public static void Run(string[] args)
    {
        var at = Array.IndexOf(args, "--shape");
        var bytes = Array.IndexOf(args, "--bytes");
        Products(BenchmarkShape.Find(at >= 0 ? args[at + 1] : "8b"), bytes >= 0 ? long.Parse(args[bytes + 1], CultureInfo.InvariantCulture) : RotatedBytes);
    }

    private static void Products(BenchmarkShape shape, long rotated)
    {
        if (!CudaLibraries.TryLoadDriver(out var reason) || !CudaLibraries.TryLoadBlas(out reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        using var context = CudaContext.Create(CudaDevice.Get(0));
        using var stream = CudaStream.Create(context);
        using var blas = CublasLt.Create(context);
        using var module = CudaModule.Load(context, KernelImage.Read());
        var kernels = new KernelSet(module, context.Device.SharedBytes);
        var weights = shape.Program().Weights.Where(weight => weight.Kind == WeightKind.Matrix).Select(weight => (weight.Rows, weight.Columns)).Distinct();
        foreach (var (outputs, inputs) in weights)
        {
            if (kernels.Product is { } kernel)
            {
                MeasureOwn(context, stream, kernel, outputs, inputs, rotated);
            }

            foreach (var planes in (int[])[1, ProductPlanes.Most])
            {
                using var product = new MatmulDescription(blas, outputs, inputs, inputs, inputs, outputs, CudaDataType.Float32, planes, (long)Rows[^1] * outputs);
                Measure(context, stream, product, outputs, inputs, planes, rotated);
            }
        }
    }

    /// <summary>Planes, and one or two blocks for every multiprocessor, where there are so many units.</summary>
    private static void MeasureOwn(CudaContext context, CudaStream stream, StepKernel kernel, int outputs, int inputs, long rotated)
    {
        var bytes = 2L * outputs * inputs;
        var copies = (int)Math.Max(1, rotated / bytes);
        using var weight = CudaDeviceBuffer.Allocate(context, bytes * copies);
        using var input = CudaDeviceBuffer.Allocate(context, 2L * ProductPlanes.FewRows * inputs);
        using var output = CudaDeviceBuffer.Allocate(context, 4L * ProductPlanes.FewRows * outputs * ProductPlanes.MostNormed);
        using var count = CudaDeviceBuffer.Allocate(context, sizeof(int));
        weight.Clear(stream);
        input.Clear(stream);
        var parameters = new ProductParameters
        {
            Input = input.Address,
            Output = output.Address,
            RowCount = count.Address,
            PlaneStride = (ulong)(ProductPlanes.FewRows * (long)outputs),
            Outputs = outputs,
            Inputs = inputs,
            WeightStride = inputs,
            InputStride = inputs,
            OutputStride = outputs,
        };
        foreach (var rows in (int[])[1, 16, 32, 64])
        {
            count.CopyFrom<int>(0, [rows], stream);
            Write($"{outputs} x {inputs}, {rows} rows, our kernel");
            for (var planes = 1; planes <= ProductPlanes.MostNormed; planes++)
            {
                foreach (var blocks in (int[])[context.Device.Multiprocessors, 2 * context.Device.Multiprocessors])
                {
                    var grid = new CudaGrid(Math.Min(blocks, (outputs + 127) / 128 * planes));
                    var seconds = DeviceLimits.Seconds(context, stream, () =>
                    {
                        for (var i = 0; i < copies; i++)
                        {
                            var launched = parameters with { Weight = weight.Address + ((ulong)i * (ulong)bytes), Planes = planes };
                            kernel.Kernel.Launch(stream, grid, kernel.Threads, kernel.SharedBytes, in launched);
                        }
                    }) / copies;
                    Write($"    {seconds * 1e6,8:F2} us  {planes} planes, {grid.X} blocks, {bytes / seconds / 1e9:F0} GB/s");
                }
            }
        }
    }

    private static void Measure(CudaContext context, CudaStream stream, MatmulDescription product, int outputs, int inputs, int planes, long rotated)
    {
        var bytes = 2L * outputs * inputs;
        var copies = (int)Math.Max(1, rotated / bytes);
        using var weight = CudaDeviceBuffer.Allocate(context, bytes * copies);
        using var input = CudaDeviceBuffer.Allocate(context, 2L * Rows[^1] * inputs);
        using var output = CudaDeviceBuffer.Allocate(context, 4L * Rows[^1] * outputs * planes);
        weight.Clear(stream);
        input.Clear(stream);
        foreach (var rows in (int[])[1, 8, 32, 64, 256, 2048])
        {
            foreach (var splits in (bool[])[true, false])
            {
                Write($"{outputs} x {inputs} in {planes}, {rows} rows, {(splits ? "any" : "no splits")}");
                foreach (var algorithm in product.Candidates(rows, splits).Take(Candidates))
                {
                    var seconds = DeviceLimits.Seconds(context, stream, () =>
                    {
                        for (var i = 0; i < copies; i++)
                        {
                            product.Run(stream, in algorithm, weight.Address + ((ulong)i * (ulong)bytes), input.Address, output.Address, rows);
                        }
                    }) / copies;
                    var refused = Rows.Where(m => !product.Takes(algorithm, m));
                    Write($"    {seconds * 1e6,8:F2} us  [{string.Join(' ', Configuration(algorithm))}]{(refused.Any() ? " refuses " + string.Join(' ', refused) : string.Empty)}");
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
}
