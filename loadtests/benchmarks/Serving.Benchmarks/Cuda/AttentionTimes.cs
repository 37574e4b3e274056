using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Times steps of attention and makes rows of them.</summary>
internal sealed class AttentionTimes(int ordinal, BenchmarkShape shape, DeviceLimits limits)
{
    /// <summary>Layers of a prompt's attention at most: it takes long enough by itself.</summary>
    private const int PrefillLayers = 8;

    private readonly ModelShape _model = shape.Program().Shape;

    private int Repeats => shape.Milliseconds > 0 ? 20 : 1;

    /// <summary>Whether a decoding step that is forced into pieces of so many splits is another than what the backend chooses.</summary>
    public bool Differs(int[] contexts, int pieces) => new AttentionStep(ordinal, _model, contexts).Differs(pieces);

    /// <summary>A decoding step beside the bytes that it reads; <paramref name="window"/> 0 for none.</summary>
    public BenchmarkRow Decode(string key, string words, int[] contexts, int? pieces, Bar? bar, int window = 0, KeyValueFormat keyValues = KeyValueFormat.BFloat16)
    {
        var attention = new AttentionStep(ordinal, _model with { KeyValues = keyValues }, contexts, window: window);
        var seconds = attention.SecondsPerLayer(Repeats, pieces);
        var dealing = pieces is null ? attention.Choice : "not what is chosen";
        var limit = FormattableString.Invariant($"{limits.Time(attention.Bytes)} per layer; {dealing}: {seconds * 1e6:G4} us");
        return new(key, $"paged decode attention, {words}, of the copy bandwidth", 100 * attention.Bytes / seconds / limits.CopyRate, "%", bar, limit);
    }

    /// <summary>A prompt beside the products that it takes.</summary>
    public BenchmarkRow Prefill(string key, KeyValueFormat keyValues = KeyValueFormat.BFloat16)
    {
        var model = _model with { LayerCount = Math.Min(PrefillLayers, _model.LayerCount), KeyValues = keyValues };
        var seconds = new AttentionStep(ordinal, model, [shape.PrefillRows], shape.PrefillRows).SecondsPerLayer(Repeats);
        var operations = 2.0 * shape.PrefillRows * shape.PrefillRows * model.QueryWidth;
        return new(
            key,
            $"prefill attention{(keyValues == KeyValueFormat.Int8 ? " over keys and values of eight bits" : string.Empty)}, causal, {shape.PrefillRows} tokens, {model.HeadCount}/{model.KvHeadCount} heads of {model.HeadSize}",
            operations / seconds / 1e12,
            "TFLOP/s",
            keyValues == KeyValueFormat.Int8 ? null : Bar.AtLeast(330),
            FormattableString.Invariant($"{operations / 1e12:G4} TFLOP / {limits.MatrixRate / 1e12:G4} TFLOP/s = {operations / limits.MatrixRate * 1e3:G4} ms per layer"));
    }
}
