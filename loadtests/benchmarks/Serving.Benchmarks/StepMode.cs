using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>Steps of a model on one backend: decode at several numbers of sequences, prefill, and decode where every sequence has an adapter of its own.</summary>
internal static class StepMode
{
    private const int Rank = 16;
    private const int Rounds = 10;
    private const int MillisecondsOfRound = 200;

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
        var session = new StepSession(backend, program, _ => Rank);
        Console.WriteLine($"{backend.Name} {backend.InstructionSet}, {backend.ThreadCount} threads, context {StepSession.Context}");
        var prefill = StepSession.Best(() => session.Prefill(0));
        Console.WriteLine($"prefill {StepSession.Context} rows: {StepSession.Context / prefill,9:F0} tokens/s ({prefill * 1e3:F2} ms)");
        Rows(session);
        var bytes = session.PagesOf(0).Length * (long)program.Shape.PageBytes;
        var rate = MemoryRate.Measure(StepSession.MaxSequences * bytes, backend.ThreadCount);
        foreach (var sequences in Option(args, "--sequences") is { } only ? [int.Parse(only)] : new[] { 1, 8, 32, 64 })
        {
            Mixes(session, sequences, sequences * bytes / rate);
        }
    }

    // Punica's extremes beside the base model, in turns: a machine's other work comes and goes.
    private static void Mixes(StepSession session, int sequences, double secondsOfReading)
    {
        (string Label, Action Step)[] mixes =
        [
            ("no adapter", session.Decode(sequences, _ => -1)),
            ($"one adapter of rank {Rank}", session.Decode(sequences, _ => 0)),
            ($"{sequences} adapters of rank {Rank}", session.Decode(sequences, i => i)),
        ];
        var best = new double[mixes.Length];
        Array.Fill(best, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < mixes.Length; i++)
            {
                best[i] = Math.Min(best[i], StepSession.Best(mixes[i].Step, MillisecondsOfRound));
            }
        }

        for (var i = 0; i < mixes.Length; i++)
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
