using System.Globalization;
using System.Runtime.InteropServices;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;

namespace Serving.Benchmarks;

/// <summary>
/// Single steps of a few layers of a model's shape, launch by launch, for a profiler (<c>ncu --profile-from-start off</c>): it sees what lies between
/// cuProfilerStart and cuProfilerStop, and every step begins with srv_embed. Prints the steps in their order.
/// </summary>
internal static partial class CudaProfileMode
{
    private const int Layers = 2;
    private const int Adapters = 64;

    /// <summary>Arguments: <c>--shape 8b|tiny</c>.</summary>
    public static void Run(string[] args)
    {
        var at = Array.IndexOf(args, "--shape");
        var shape = BenchmarkShape.Find(at >= 0 ? args[at + 1] : "8b").WithLayers(Layers);
        var program = shape.Program();
        using var backend = new CudaBackend(program, new CudaBackendOptions { Eager = true });
        BenchmarkShape.LoadWeights(backend, program);
        var adapter = StepSession.Adapter(program, DecodeBenchmark.Rank, _ => true);
        var session = new StepSession(backend, program, [.. Enumerable.Repeat(adapter, Adapters)], shape.Many, shape.Context, shape.PrefillRows / 4);
        foreach (var (name, step) in new (string, Action)[]
        {
            ($"decode {shape.Batch}", session.Decode(shape.Batch, _ => -1)),
            ($"decode {shape.Batch}, as many adapters", session.Decode(shape.Batch, i => i)),
            ($"decode {shape.Batch}, one adapter", session.Decode(shape.Batch, _ => 0)),
            ($"decode {shape.Many}, as many adapters", session.Decode(shape.Many, i => i)),
            ($"prefill of {shape.PrefillRows / 4}", session.Prompt(shape.PrefillRows / 4, -1)),
            ($"prefill of {shape.PrefillRows / 4}, an adapter", session.Prompt(shape.PrefillRows / 4, 0)),
        })
        {
            step();
            _ = ProfilerStart();
            step();
            _ = ProfilerStop();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step: {name}"));
        }
    }

    [LibraryImport("libcuda.so.1", EntryPoint = "cuProfilerStart")]
    private static partial int ProfilerStart();

    [LibraryImport("libcuda.so.1", EntryPoint = "cuProfilerStop")]
    private static partial int ProfilerStop();
}
