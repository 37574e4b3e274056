using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Paged attention alone: steps that decode, few and many sequences over short and long contexts, and one long prompt. <see cref="Forced"/> is for what the backend could have done instead.
/// </summary>
internal sealed class AttentionBenchmark : MeasurementGroup
{
    private readonly (string Key, string Words, int[] Contexts, Bar? Bar)[] _steps;
    private readonly AttentionTimes _times;
    private readonly bool _forced;
    private readonly int _window;

    private AttentionBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits, bool forced)
    {
        var (many, @long) = (shape.Many, shape.AttentionContext);
        _times = new AttentionTimes(ordinal, shape, limits);
        (_forced, _window) = (forced, @long / 8);
        _steps =
        [
            Same("attention.decode", many, @long, Bar.AtLeast(80)),
            Same("attention.decode.short", shape.Batch, shape.Context),
            Same("attention.decode.many-short", many, shape.Context),
            Same("attention.decode.few", shape.Batch / 2, @long),
            Same("attention.decode.few-long", Math.Max(1, shape.Batch / 4), 8 * @long),
            Mixed("attention.decode.mixed", many, shape.Context / 2, 2 * @long),
        ];
    }

    /// <inheritdoc/>
    public override string Name => _forced ? "attention, forced" : "attention";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements => [.. _forced ? ForcedOnes() : ChosenOnes()];

    /// <summary>As the backend runs it.</summary>
    public static AttentionBenchmark Chosen(int ordinal, BenchmarkShape shape, DeviceLimits limits) => new(ordinal, shape, limits, forced: false);

    /// <summary>The decoding steps given out as the backend did not choose, where it could have: whole contexts, and split by split.</summary>
    public static AttentionBenchmark Forced(int ordinal, BenchmarkShape shape, DeviceLimits limits) => new(ordinal, shape, limits, forced: true);

    private IEnumerable<Measurement> ChosenOnes() => _steps
        .Select(step => new Measurement([step.Key], () => [_times.Decode(step.Key, step.Words, step.Contexts, null, step.Bar)]))
        .Append(Windowed("attention.decode.windowed", _steps[0].Words, _steps[0].Contexts))
        .Append(Int8("attention.decode.int8", _steps[0].Words, _steps[0].Contexts))
        .Append(new Measurement(["attention.prefill"], () => [_times.Prefill("attention.prefill")]))
        .Append(new Measurement(["attention.prefill.int8"], () => [_times.Prefill("attention.prefill.int8", KeyValueFormat.Int8)]));

    private Measurement Windowed(string key, string words, int[] contexts) =>
        new([key], () => [_times.Decode(key, $"{words}, of which a window shows {_window}", contexts, null, null, _window)]);

    private Measurement Int8(string key, string words, int[] contexts) =>
        new([key], () => [_times.Decode(key, $"{words}, keys and values of eight bits", contexts, null, null, keyValues: KeyValueFormat.Int8)]);

    private IEnumerable<Measurement> ForcedOnes() =>
        from step in _steps
        from way in new[] { (Name: "whole", Words: "whole contexts", Pieces: AttentionShares.Whole), (Name: "split", Words: "split by split", Pieces: 1) }
        where _times.Differs(step.Contexts, way.Pieces)
        let key = $"{step.Key}.{way.Name}"
        select new Measurement([key], () => [_times.Decode(key, $"{step.Words}, {way.Words}", step.Contexts, way.Pieces, null)]);

    private static (string Key, string Words, int[] Contexts, Bar? Bar) Same(string key, int sequences, int context, Bar? bar = null) =>
        (key, $"{sequences} sequences of {context} tokens", [.. Enumerable.Repeat(context, sequences)], bar);

    /// <summary>Contexts evenly spread from the least to the most, in no order of length.</summary>
    private static (string Key, string Words, int[] Contexts, Bar? Bar) Mixed(string key, int sequences, int least, int most)
    {
        var contexts = Enumerable.Range(0, sequences).Select(i => least + ((most - least) * i / (sequences - 1)));
        var mixed = contexts.Select((context, i) => (context, i)).OrderBy(pair => pair.i * 37 % sequences).Select(pair => pair.context);
        return (key, $"{sequences} sequences of {least} to {most} tokens", [.. mixed], null);
    }
}
