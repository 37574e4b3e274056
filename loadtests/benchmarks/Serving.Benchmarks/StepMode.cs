using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>
/// Steps of a model on one backend: decode at several numbers of sequences, prefill, and decode where every sequence has an adapter of its own; of a mixture of experts also where
/// a few adapters change every expert.
/// </summary>
internal static class StepMode
{
    private const int Rank = 16;
    private const int Rounds = 10;
    private const int MillisecondsOfRound = 200;

    /// <summary>Adapters of all experts, each a hundred times as large as one of attention.</summary>
    private const int LargeAdapters = 4;

    /// <summary>
    /// Arguments: <c>--model DIR</c> (the bundled model by default), <c>--threads N</c>, <c>--isa NAME</c> (the native backend with an instruction set or "auto"; the managed one without),
    /// <c>--sequences N</c> (that decode alone, for a profiler).
    /// </summary>
    public static void Run(string[] args)
    {
        var folder = ModelFolder.Open(Option(args, "--model") ?? Path.Combine("config", "models", "demo", "model"));
        var program = ModelRegistry.Build("model", folder.Config, 2048);
        using var backend = Backend(program, Option(args, "--isa"), int.Parse(Option(args, "--threads") ?? "0"));
        WeightLoader.Load(backend, program, folder.Path);
        var adapters = Enumerable.Range(0, StepSession.MaxSequences).Select(_ => StepSession.Adapter(program, Rank, _ => true));
        var large = Enumerable.Repeat(StepSession.Adapter(program, Rank, _ => true, experts: true), program.Mixture is null ? 0 : LargeAdapters).ToList();
        var session = new StepSession(backend, program, [.. adapters, .. large]);
        Console.WriteLine($"{backend.Name} {backend.InstructionSet}, {backend.ThreadCount} threads, context {StepSession.Context}");
        var prefill = StepSession.Best(() => session.Prefill(0));
        Console.WriteLine($"prefill {StepSession.Context} rows: {StepSession.Context / prefill,9:F0} tokens/s ({prefill * 1e3:F2} ms)");
        Rows(session);
        if (program.Mixture is not null)
        {
            Pack(backend, session, large[0], session.PagesOf(StepSession.MaxSequences));
        }

        var bytes = session.PagesOf(0).Length * (long)program.Shape.PageBytes;
        var rate = MemoryRate.Measure(StepSession.MaxSequences * bytes, backend.ThreadCount);
        foreach (var sequences in Option(args, "--sequences") is { } only ? [int.Parse(only)] : new[] { 1, 8, 32, 64 })
        {
            Mixes(session, sequences, sequences * bytes / rate, program.Mixture is null ? 0 : Math.Min(LargeAdapters, sequences));
        }
    }

    private static void Pack(IComputeBackend backend, StepSession session, AdapterWeights adapter, int[] pages)
    {
        using var prepared = session.Prepare(adapter);
        var seconds = StepSession.Best(() => backend.PackAdapter(StepSession.MaxSequences, prepared, pages));
        Console.WriteLine($"an adapter of every expert, rank {Rank}: {adapter.Slices.Count} pairs, {backend.PreparedBytesOf(adapter) / 1e6:F0} MB, {pages.Length} pages, packed in {seconds * 1e3:F0} ms");
    }

    // Punica's extremes beside the base model, in turns: a machine's other work comes and goes.
    private static void Mixes(StepSession session, int sequences, double secondsOfReading, int large)
    {
        List<(string Label, Action Step)> mixes =
        [
            ("no adapter", session.Decode(sequences, _ => -1)),
            ($"one adapter of rank {Rank}", session.Decode(sequences, _ => 0)),
            ($"{sequences} adapters of rank {Rank}", session.Decode(sequences, i => i)),
        ];
        if (large > 0)
        {
            mixes.Add(($"{large} of every expert, rank {Rank}", session.Decode(sequences, i => StepSession.MaxSequences + (i * large / sequences))));
        }

        var best = new double[mixes.Count];
        Array.Fill(best, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < mixes.Count; i++)
            {
                best[i] = Math.Min(best[i], StepSession.Best(mixes[i].Step, MillisecondsOfRound));
            }
        }

        for (var i = 0; i < mixes.Count; i++)
        {
            Console.WriteLine($"decode {sequences,3} sequences, {mixes[i].Label,-22}: {sequences / best[i],9:F0} tokens/s ({best[i] * 1e3:F2} ms)");
        }

        Console.WriteLine($"    so many adapters instead of one add {(best[2] - best[1]) * 1e3:F2} ms; reading them takes {secondsOfReading * 1e3:F2} ms");
    }

    // What a step costs by the rows that are sampled in it: one sequence with drafts beside as many sequences without.
    private static void Rows(StepSession session)
    {
        foreach (var rows in new[] { 1, 2, 3, 4, 6, 8, 12, 16 })
        {
            var drafts = StepSession.Best(session.Drafts(1, rows));
            var sequences = StepSession.Best(session.Decode(rows, _ => -1));
            Console.WriteLine($"sampled rows {rows,3}: of one sequence {drafts * 1e3,8:F2} ms, of {rows,2} sequences {sequences * 1e3,8:F2} ms");
        }
    }

    private static IComputeBackend Backend(ModelProgram program, string? isa, int threads) => isa is null
        ? new ManagedBackend(program, new ManagedBackendOptions { Threads = threads })
        : new CpuBackend(program, new CpuBackendOptions { InstructionSet = isa, Threads = threads });

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
