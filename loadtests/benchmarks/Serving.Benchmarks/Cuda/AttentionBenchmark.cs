using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>Paged attention alone, as a program of nothing else: many sequences that decode over long contexts, and one long prompt.</summary>
internal static class AttentionBenchmark
{
    private const int MaxLayers = 8;

    /// <summary>Runs both.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var model = shape.Program().Shape with { LayerCount = Math.Min(MaxLayers, shape.Program().Shape.LayerCount) };
        var repeats = shape.Milliseconds > 0 ? 20 : 1;
        var decode = SecondsPerLayer(ordinal, model, shape.Many, 1, shape.AttentionContext, repeats);
        var bytes = (double)shape.Many * shape.AttentionContext * 2 * model.KvWidth * sizeof(ushort);
        yield return new(
            "attention.decode",
            $"paged decode attention, {shape.Many} sequences of {shape.AttentionContext} tokens, of the copy bandwidth",
            100 * bytes / decode / limits.CopyRate,
            "%",
            Bar.AtLeast(80),
            $"{limits.Time(bytes)} per layer");
        var prefill = SecondsPerLayer(ordinal, model, 1, shape.PrefillRows, shape.PrefillRows, repeats);
        var operations = 2.0 * shape.PrefillRows * shape.PrefillRows * model.QueryWidth;
        yield return new(
            "attention.prefill",
            $"prefill attention, causal, {shape.PrefillRows} tokens, {model.HeadCount}/{model.KvHeadCount} heads of {model.HeadSize}",
            operations / prefill / 1e12,
            "TFLOP/s",
            Bar.AtLeast(330),
            FormattableString.Invariant($"{operations / 1e12:G4} TFLOP / {limits.MatrixRate / 1e12:G4} TFLOP/s = {operations / limits.MatrixRate * 1e3:G4} ms per layer"));
    }

    private static double SecondsPerLayer(int ordinal, ModelShape shape, int sequences, int rows, int context, int repeats)
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
        for (var i = 0; i < repeats; i++)
        {
            backend.Begin(inputs, outputs);
            backend.End();
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        backend.End();
        return seconds / repeats / shape.LayerCount;
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
