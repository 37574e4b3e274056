using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Paged attention alone: steps that decode, few and many sequences over short and long contexts, and one long prompt. Where the backend could have given a decoding step out
/// in another way, what that takes stands below it: whole contexts, and split by split.
/// </summary>
internal static class AttentionBenchmark
{
    /// <summary>Runs all of them.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var model = shape.Program().Shape;
        var repeats = shape.Milliseconds > 0 ? 20 : 1;
        var (many, @long) = (shape.Many, shape.AttentionContext);
        var rows = Decode("attention.decode", Same(many, @long), Bar.AtLeast(80))
            .Concat(Decode("attention.decode.short", Same(shape.Batch, shape.Context)))
            .Concat(Decode("attention.decode.many-short", Same(many, shape.Context)))
            .Concat(Decode("attention.decode.few", Same(shape.Batch / 2, @long)))
            .Concat(Decode("attention.decode.few-long", Same(Math.Max(1, shape.Batch / 4), 8 * @long)))
            .Concat(Decode("attention.decode.mixed", Mixed(many, shape.Context / 2, 2 * @long)))
            .Append(Prefill(ordinal, shape, limits, model, repeats));
        foreach (var row in rows)
        {
            yield return row;
        }

        IEnumerable<BenchmarkRow> Decode(string key, (string Words, int[] Contexts) step, Bar? bar = null) => Rows(ordinal, limits, model, repeats, key, step, bar);
    }

    private static (string Words, int[] Contexts) Same(int sequences, int context) => ($"{sequences} sequences of {context} tokens", [.. Enumerable.Repeat(context, sequences)]);

    /// <summary>Contexts evenly spread from the least to the most, in no order of length.</summary>
    private static (string Words, int[] Contexts) Mixed(int sequences, int least, int most)
    {
        var contexts = Enumerable.Range(0, sequences).Select(i => least + ((most - least) * i / (sequences - 1)));
        return ($"{sequences} sequences of {least} to {most} tokens", [.. contexts.Select((context, i) => (context, i)).OrderBy(pair => pair.i * 37 % sequences).Select(pair => pair.context)]);
    }

    private static IEnumerable<BenchmarkRow> Rows(
        int ordinal, DeviceLimits limits, ModelShape model, int repeats, string key, (string Words, int[] Contexts) step, Bar? bar)
    {
        var attention = new AttentionStep(ordinal, model, step.Contexts);
        yield return Row(key, $"paged decode attention, {step.Words}, of the copy bandwidth", null, bar, attention.Choice);
        foreach (var (name, words, pieces) in new[] { ("whole", "whole contexts", AttentionShares.Whole), ("split", "split by split", 1) })
        {
            if (attention.Differs(pieces))
            {
                yield return Row($"{key}.{name}", $"the same, {words}", pieces, null, "not what is chosen");
            }
        }

        BenchmarkRow Row(string key, string measure, int? pieces, Bar? bar, string dealing)
        {
            var seconds = attention.SecondsPerLayer(repeats, pieces);
            var words = FormattableString.Invariant($"{limits.Time(attention.Bytes)} per layer; {dealing}: {seconds * 1e6:G4} us");
            return new(key, measure, 100 * attention.Bytes / seconds / limits.CopyRate, "%", bar, words);
        }
    }

    private static BenchmarkRow Prefill(int ordinal, BenchmarkShape shape, DeviceLimits limits, ModelShape model, int repeats)
    {
        var seconds = new AttentionStep(ordinal, model with { LayerCount = Math.Min(8, model.LayerCount) }, [shape.PrefillRows], shape.PrefillRows).SecondsPerLayer(repeats);
        var operations = 2.0 * shape.PrefillRows * shape.PrefillRows * model.QueryWidth;
        return new(
            "attention.prefill",
            $"prefill attention, causal, {shape.PrefillRows} tokens, {model.HeadCount}/{model.KvHeadCount} heads of {model.HeadSize}",
            operations / seconds / 1e12,
            "TFLOP/s",
            Bar.AtLeast(330),
            FormattableString.Invariant($"{operations / 1e12:G4} TFLOP / {limits.MatrixRate / 1e12:G4} TFLOP/s = {operations / limits.MatrixRate * 1e3:G4} ms per layer"));
    }
}
