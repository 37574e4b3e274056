using System.Globalization;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Core.Scheduling;

namespace Serving.Benchmarks.Cuda;

/// <summary>The same requests for few adapters and for many, in turns: what it costs that nearly every sequence has an adapter of its own and most are not resident.</summary>
internal sealed class ManyAdaptersBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits, Func<bool> isOver) : MeasurementGroup
{
    private const int RowsPerStep = 2048;

    /// <summary>Share of the host's memory that adapters may take.</summary>
    private const double HostShare = 0.7;

    private readonly ModelProgram _program = shape.Program();
    private CudaBackend? _backend;
    private SyntheticAdapters? _adapters;
    private ClosedLoop? _loop;
    private int _contents;

    /// <inheritdoc/>
    public override string Name => "traffic";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements => [new(["traffic.few", "traffic.many", "traffic.ratio", "traffic.moved"], Rounds)];

    /// <inheritdoc/>
    public override void SetUp()
    {
        var size = shape.Traffic;
        _backend = new CudaBackend(_program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(_backend, _program);
        var one = StepSession.Adapter(_program, size.Rank, BenchmarkShape.IsAttention);
        _contents = (int)Math.Clamp(HostShare * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / _backend.PreparedBytesOf(one), size.FewAdapters, size.Contents);
        var (options, largest) = TakePool(_backend, _program, size, one, _contents);
        _adapters = new SyntheticAdapters(_program, _backend, size.ManyAdapters, _contents, size.Rank);
        _loop = new ClosedLoop(_backend, options, largest, _adapters, _program.Shape.PageBytes, _program.Shape.VocabularySize);
    }

    /// <inheritdoc/>
    public override void Dispose() => _backend?.Dispose();

    /// <summary>Rows after each pair of rounds, of all so far; a round takes long enough for the time to be up within them.</summary>
    private IEnumerable<BenchmarkRow> Rounds()
    {
        var size = shape.Traffic;
        var cost = StepCost.Of(_program, _backend!, limits);
        var (few, many) = (new List<RoundResult>(), new List<RoundResult>());
        for (var round = 0; round <= size.Rounds && !(round > 1 && isOver()); round++)
        {
            // Round 0 warms up and does not count.
            few.Add(Round(round, 2 * round, size.FewAdapters));
            many.Add(Round(round, (2 * round) + 1, size.ManyAdapters));
            foreach (var row in round > 0 ? Rows(size, cost, [.. few.Skip(1)], [.. many.Skip(1)]) : [])
            {
                yield return row;
            }
        }
    }

    private RoundResult Round(int round, int number, int drawn)
    {
        var size = shape.Traffic;
        var source = new RequestSource(size, _program.Shape.VocabularySize, [.. _adapters!.References.Take(drawn)], (long)number << 32, round);
        var result = _loop!.Run(source, size.InFlight, size.Requests);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}, {drawn} adapters: {result.Rate:F0} tokens/s in {result.Seconds:F1} s, {result.Steps} steps, {result.Loads} loads"));
        return result;
    }

    /// <summary>Room for all sequences and all resident adapters, if the device has it beside what steps compute in, and host memory for the contents.</summary>
    private static (SchedulerOptions Options, StepLimits Limits) TakePool(CudaBackend backend, ModelProgram program, TrafficSize size, AdapterWeights adapter, int contents)
    {
        var length = 2 * size.MaxLength;
        var limits = new StepLimits(RowsPerStep, size.InFlight, size.InFlight, length);
        var (pageBytes, preparedBytes) = (program.Shape.PageBytes, backend.PreparedBytesOf(adapter));
        var wanted = (size.InFlight * (long)((length / ModelShape.PageTokens) + 1)) + (size.AdapterSlots * (preparedBytes / pageBytes));
        var pages = (int)Math.Min(wanted, backend.DeviceMemory!.FreeBytes / 10 * 8 / pageBytes);
        backend.AllocatePool(new PoolShape(pages, pageBytes, size.AdapterSlots, AdapterHostBytes: contents * preparedBytes), limits);
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

    private IEnumerable<BenchmarkRow> Rows(TrafficSize size, StepCost cost, RoundResult[] few, RoundResult[] many)
    {
        // Sequences are half way through their output, on average, and n draws from m adapters hit m (1 - (1 - 1/m)^n) of them.
        var count = size.ManyAdapters;
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
            Bar.AtLeast(0.95),
            $"{reads}; {_contents} contents in host memory");
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
