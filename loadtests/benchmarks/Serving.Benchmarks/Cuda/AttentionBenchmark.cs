using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>Paged attention alone, as a program of nothing else: many sequences that decode over long contexts, and one long prompt.</summary>
internal static class AttentionBenchmark
{
    private const int Layers = 8;
    private const int Sequences = 64;
    private const int Steps = 20;

    /// <summary>Runs both.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var model = shape.Program().Shape with { LayerCount = Layers };
        var decode = SecondsPerLayer(ordinal, model, Sequences, 1, shape.AttentionContext);
        var bytes = (double)Sequences * shape.AttentionContext * 2 * model.KvWidth * sizeof(ushort);
        yield return new($"paged decode attention, {Sequences} sequences of {shape.AttentionContext} tokens", 100 * bytes / decode / limits.CopyRate, "%", ">= 80 % of the copy bandwidth");
        var prefill = SecondsPerLayer(ordinal, model, 1, shape.PrefillRows, shape.PrefillRows);
        var operations = 2.0 * shape.PrefillRows * shape.PrefillRows * model.QueryWidth;
        yield return new($"prefill attention, causal, {shape.PrefillRows} tokens", operations / prefill / 1e12, "TFLOP/s", ">= 330 on an H200");
    }

    private static double SecondsPerLayer(int ordinal, ModelShape shape, int sequences, int rows, int context)
    {
        using var backend = new CudaBackend(Program(shape), new CudaBackendOptions { Ordinal = ordinal });
        var pages = (context + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        var limits = new StepLimits(sequences * rows, sequences, 1, context);
        backend.AllocatePool(new PoolShape(sequences * pages, shape.PageBytes, 1), limits);
        var inputs = Inputs(sequences, rows, context, pages);
        var outputs = new StepOutputs(limits, shape.VocabularySize);
        backend.Execute(inputs, outputs);
        backend.Begin(inputs, outputs);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < Steps; i++)
        {
            backend.Begin(inputs, outputs);
            backend.End();
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        backend.End();
        return seconds / Steps / shape.LayerCount;
    }

    private static ModelProgram Program(ModelShape shape)
    {
        ProgramBuffer[] buffers =
        [
            new("queries", shape.QueryWidth, BufferElement.BFloat16, BufferRows.Step),
            new("attended", shape.QueryWidth, BufferElement.BFloat16, BufferRows.Step),
        ];
        var scale = (float)(1 / Math.Sqrt(shape.HeadSize));
        ProgramOp[] ops = [.. Enumerable.Range(0, shape.LayerCount).Select(layer => new PagedAttentionOp(0, 1, layer, scale))];
        return new ModelProgram("attention", shape, RopeTable.Create(1, new double[shape.HeadSize / 2]), buffers, [], [], ops);
    }

    private static StepInputs Inputs(int sequences, int rows, int context, int pages)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < sequences; i++)
        {
            inputs.AddSequence(new StepSequence { FirstRow = i * rows, RowCount = rows, FirstOrdinal = context - rows, FirstEntry = inputs.EntryCount, EntryCount = pages });
            inputs.AddSegment(i * rows, rows, -1);
            for (var row = 0; row < rows; row++)
            {
                var ordinal = context - rows + row;
                inputs.AddRow(0, 0, (i * pages) + (ordinal / ModelShape.PageTokens), ordinal % ModelShape.PageTokens);
            }

            for (var page = 0; page < pages; page++)
            {
                inputs.AddEntry((i * pages) + page, Math.Min(ModelShape.PageTokens, context - (page * ModelShape.PageTokens)));
            }
        }

        return inputs;
    }
}
