using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A file's sampling defaults, which stand in the place of a <c>generation_config.json</c>. Those of samplers that are not here (mirostat, XTC) say nothing.</summary>
internal static class GgufSampling
{
    private const string Prefix = "general.sampling.";

    /// <summary>Reads what is there.</summary>
    /// <exception cref="MalformedFileException">A value is out of its range.</exception>
    public static GenerationConfig Read(GgufMetadata metadata) => new()
    {
        Temperature = Number(metadata, "temp", 0, 100),
        TopP = Number(metadata, "top_p", 1e-6, 1),
        TopK = Number(metadata, "top_k", 0, int.MaxValue) is null ? null : (int?)metadata.Integer(Prefix + "top_k"),
        MinP = Number(metadata, "min_p", 0, 1),
        RepetitionPenalty = Number(metadata, "penalty_repeat", 1e-3, 100),
    };

    private static float? Number(GgufMetadata metadata, string name, double min, double max)
    {
        var key = Prefix + name;
        return metadata.Number(key) is not { } value ? null
            : value >= min && value <= max ? (float)value : throw new MalformedFileException($"{key} is not from {min} to {max}");
    }
}
