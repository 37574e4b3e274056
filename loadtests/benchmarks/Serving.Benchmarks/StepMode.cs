using System.Diagnostics;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Engine.Loading;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>Steps of a model on the managed backend: decode at several numbers of sequences, prefill, and decode where every sequence has an adapter of its own.</summary>
internal static class StepMode
{
    private const int Context = 256;
    private const int MaxSequences = 64;
    private const int Rank = 16;

    /// <summary>Arguments: <c>--model DIR</c> (the bundled model by default), <c>--threads N</c>.</summary>
    public static void Run(string[] args)
    {
        var folder = ModelFolder.Open(Option(args, "--model") ?? Path.Combine("config", "models", "demo", "model"));
        var program = ModelRegistry.Build("model", folder.Config, 2048);
        using var backend = new ManagedBackend(program, new ManagedBackendOptions { Threads = int.Parse(Option(args, "--threads") ?? "0") });
        WeightLoader.Load(backend, program, folder.Path);
        var adapter = Adapter(program);
        var adapterPages = AdapterLayout.Create(program.Slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), program.Shape.PageBytes).PageCount;
        var contextPages = (Context / ModelShape.PageTokens) + 1;
        var limits = new StepLimits(Context, MaxSequences, MaxSequences, 2048);
        backend.AllocatePool(new PoolShape(MaxSequences * (contextPages + adapterPages), program.Shape.PageBytes, MaxSequences), limits);
        Console.WriteLine($"managed {backend.InstructionSet}, {backend.ThreadCount} threads, context {Context}");
        for (var slot = 0; slot < MaxSequences; slot++)
        {
            var first = (MaxSequences * contextPages) + (slot * adapterPages);
            backend.PackAdapter(slot, adapter, [.. Enumerable.Range(first, adapterPages)]);
            Prefill(backend, program, limits, slot);
        }

        var prefill = Best(() => Prefill(backend, program, limits, 0));
        Console.WriteLine($"prefill {Context} rows: {Context / prefill,9:F0} tokens/s ({prefill * 1e3:F2} ms)");
        foreach (var sequences in new[] { 1, 8, 32, 64 })
        {
            foreach (var withAdapters in new[] { false, true })
            {
                var seconds = Best(Decode(backend, program, limits, sequences, withAdapters));
                var label = withAdapters ? $"{sequences} adapters of rank {Rank}" : "no adapter";
                Console.WriteLine($"decode {sequences,3} sequences, {label,-22}: {sequences / seconds,9:F0} tokens/s ({seconds * 1e3:F2} ms)");
            }
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

    private static double Best(Action step)
    {
        var best = double.MaxValue;
        for (var total = Stopwatch.StartNew(); total.ElapsedMilliseconds < 1000;)
        {
            var start = Stopwatch.GetTimestamp();
            step();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static void Prefill(ManagedBackend backend, ModelProgram program, StepLimits limits, int sequence)
    {
        var inputs = new StepInputs();
        AddSequence(inputs, sequence, 0, Context, -1);
        inputs.AddOutput(Output(Context - 1));
        backend.Execute(inputs, new StepOutputs(limits, program.Shape.VocabularySize));
    }

    private static Action Decode(ManagedBackend backend, ModelProgram program, StepLimits limits, int sequences, bool withAdapters)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < sequences; i++)
        {
            AddSequence(inputs, i, Context, 1, withAdapters ? i : -1);
            inputs.AddOutput(Output(i));
        }

        var outputs = new StepOutputs(limits, program.Shape.VocabularySize);
        return () => backend.Execute(inputs, outputs);
    }

    private static void AddSequence(StepInputs inputs, int sequence, int firstOrdinal, int rows, int slot)
    {
        var firstPage = sequence * ((Context / ModelShape.PageTokens) + 1);
        var firstRow = inputs.RowCount;
        var firstEntry = inputs.EntryCount;
        for (var ordinal = firstOrdinal; ordinal < firstOrdinal + rows; ordinal++)
        {
            inputs.AddRow(5 + (ordinal % 100), ordinal, firstPage + (ordinal / ModelShape.PageTokens), ordinal % ModelShape.PageTokens);
        }

        for (var left = firstOrdinal + rows; left > 0; left -= ModelShape.PageTokens)
        {
            inputs.AddEntry(firstPage + inputs.EntryCount - firstEntry, Math.Min(left, ModelShape.PageTokens));
        }

        inputs.AddSequence(new StepSequence
        {
            FirstRow = firstRow,
            RowCount = rows,
            FirstOrdinal = firstOrdinal,
            FirstEntry = firstEntry,
            EntryCount = inputs.EntryCount - firstEntry,
        });
        inputs.AddSegment(firstRow, rows, slot);
    }

    private static SampleRow Output(int row) => new() { Row = row, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static AdapterWeights Adapter(ModelProgram program)
    {
        var slices = program.Slices.Select(slice =>
            new AdapterSlice(slice.Index, Rank, 1, new ushort[Rank * slice.InputWidth], new ushort[Rank * slice.OutputWidth]));
        return new AdapterWeights([.. slices]);
    }
}
