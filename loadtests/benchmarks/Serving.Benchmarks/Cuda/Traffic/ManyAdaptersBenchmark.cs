using System.Globalization;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Core.Scheduling;

namespace Serving.Benchmarks.Cuda;

/// <summary>The same requests for few adapters and for many, in turns: what it costs that nearly every sequence has an adapter of its own and most are not resident.</summary>
internal static class ManyAdaptersBenchmark
{
    private const int RowsPerStep = 2048;

    /// <summary>Share of the host's memory that adapters may take.</summary>
    private const double HostShare = 0.7;

    /// <summary>Runs the rounds.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var size = shape.Traffic;
        var program = shape.Program();
        using var backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(backend, program);
        var one = StepSession.Adapter(program, size.Rank, BenchmarkShape.IsAttention);
        var count = CountThatFits(backend.PreparedBytesOf(one), size);
        var (options, largest) = TakePool(backend, program, size, one, count);
        var adapters = new SyntheticAdapters(program, backend, count, size.Rank);
        var loop = new ClosedLoop(backend, options, largest, adapters, program.Shape.PageBytes, program.Shape.VocabularySize);
        var (few, many) = (new List<RoundResult>(), new List<RoundResult>());
        for (var round = 0; round <= size.Rounds; round++)
        {
            // Round 0 warms up and does not count.
            few.Add(Round(size.FewAdapters));
            many.Add(Round(count));

            RoundResult Round(int drawn)
            {
                var source = new RequestSource(size, program.Shape.VocabularySize, [.. adapters.References.Take(drawn)], (long)(few.Count + many.Count) << 32, round);
                var result = loop.Run(source, size.InFlight, size.Requests);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}, {drawn} adapters: {result.Rate:F0} tokens/s in {result.Seconds:F1} s, {result.Steps} steps, {result.Loads} loads"));
                return result;
            }
        }

        return Rows(size, StepCost.Of(program, backend, limits), count, [.. few.Skip(1)], [.. many.Skip(1)]);
    }

    private static int CountThatFits(long preparedBytes, TrafficSize size) =>
        (int)Math.Clamp(HostShare * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / preparedBytes, size.FewAdapters, size.ManyAdapters);

    /// <summary>Room for all sequences and all resident adapters, if the device has it beside what steps compute in, and host memory for all adapters.</summary>
    private static (SchedulerOptions Options, StepLimits Limits) TakePool(CudaBackend backend, ModelProgram program, TrafficSize size, AdapterWeights adapter, int count)
    {
        var length = 2 * size.MaxLength;
        var limits = new StepLimits(RowsPerStep, size.InFlight, size.InFlight, length);
        var (pageBytes, preparedBytes) = (program.Shape.PageBytes, backend.PreparedBytesOf(adapter));
        var wanted = (size.InFlight * (long)((length / ModelShape.PageTokens) + 1)) + (size.AdapterSlots * (preparedBytes / pageBytes));
        var pages = (int)Math.Min(wanted, backend.DeviceMemory!.FreeBytes / 10 * 8 / pageBytes);
        backend.AllocatePool(new PoolShape(pages, pageBytes, size.AdapterSlots, AdapterHostBytes: count * preparedBytes), limits);
        var options = new SchedulerOptions
        {
            PageCount = pages,
            MaxModelLength = length,
            MaxSequences = size.InFlight,
            MaxBatchedTokens = RowsPerStep,
            MaxQueuedRequests = size.InFlight,
            AdapterSlots = size.AdapterSlots,
            MaxAdaptersPerStep = size.InFlight,
        };
        return (options, limits);
    }

    private static IEnumerable<BenchmarkRow> Rows(TrafficSize size, StepCost cost, int count, RoundResult[] few, RoundResult[] many)
    {
        // Sequences are half way through their output, on average, and n draws from m adapters hit m (1 - (1 - 1/m)^n) of them.
        var tokens = (size.MinLength + size.MaxLength) * 0.75;
        var adapter = cost.AdapterBytes(size.Rank, BenchmarkShape.IsAttention);
        double Distinct(int m) => m * (1 - Math.Pow(1 - (1.0 / m), size.InFlight));
        var more = (Distinct(count) - Distinct(size.FewAdapters)) * adapter / cost.Limits.CopyRate;
        var step = few.Sum(round => round.Seconds) / few.Sum(round => round.Steps);
        var reads = string.Create(
            CultureInfo.InvariantCulture,
            $"a step of {step * 1e3:G4} ms reads {Distinct(count):F0} adapters, not {Distinct(size.FewAdapters):F0}: {more * 1e3:G3} ms more, {step / (step + more):G3} x");
        yield return Rate("traffic.few", size.FewAdapters, few);
        yield return Rate("traffic.many", count, many);
        yield return new(
            "traffic.ratio",
            $"{count} adapters beside {size.FewAdapters}, rank {size.Rank} on q,k,v,o, {size.InFlight} in flight, tokens per second",
            Mean(many) / Mean(few),
            "x",
            count == size.ManyAdapters ? Bar.AtLeast(0.95) : null,
            count == size.ManyAdapters ? reads : $"{reads}; host memory holds no {size.ManyAdapters}");
        var moved = many.Sum(round => (double)round.BytesMoved);
        yield return new(
            "traffic.moved",
            $"bytes moved for {many.Sum(round => round.Loads)} loads in {many.Sum(round => round.Seconds).ToString("F1", CultureInfo.InvariantCulture)} s with {count} adapters",
            moved / 1e9,
            "GB",
            null,
            string.Create(CultureInfo.InvariantCulture, $"{moved / 1e9:G4} GB / {cost.Limits.HostRate / 1e9:G4} GB/s = {moved / cost.Limits.HostRate:G3} s"));

        BenchmarkRow Rate(string key, int adapters, RoundResult[] rounds) => new(
            key,
            $"{adapters} adapters, {size.Requests} requests of {size.MinLength} … {size.MaxLength} + {size.MinLength} … {size.MaxLength} tokens",
            Mean(rounds),
            "tokens/s",
            null,
            $"decode alone: {cost.Formula(size.InFlight, tokens, Distinct(adapters) * adapter)} for {size.InFlight} tokens");
    }

    private static double Mean(RoundResult[] rounds) => rounds.Sum(round => round.OutputTokens) / rounds.Sum(round => round.Seconds);
}
