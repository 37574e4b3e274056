namespace Serving.Engine.Models;

/// <summary>What <c>generation_config.json</c> says: tokens that end a sequence, and defaults for what a request leaves out (null: the server's own).</summary>
public sealed record GenerationConfig
{
    /// <summary>No file, or switched off.</summary>
    public static GenerationConfig None { get; } = new();

    /// <summary>Tokens that end a sequence.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>Default temperature; 0 where <c>do_sample</c> is false.</summary>
    public float? Temperature { get; init; }

    /// <summary>Default nucleus mass.</summary>
    public float? TopP { get; init; }

    /// <summary>Default number of most likely tokens kept; 0 keeps all.</summary>
    public int? TopK { get; init; }

    /// <summary>Default share of the most likely token's probability.</summary>
    public float? MinP { get; init; }

    /// <summary>Default repetition penalty.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>Reads the text of a <c>generation_config.json</c>.</summary>
    /// <param name="text">The file.</param>
    /// <param name="vocabularySize">Bounds the token ids.</param>
    /// <exception cref="ModelFormatException">Malformed or out of range.</exception>
    public static GenerationConfig Parse(ReadOnlyMemory<byte> text, int vocabularySize)
    {
        try
        {
            var fields = JsonFields.Parse(text);
            var greedy = !fields.Flag("do_sample", true);
            return new GenerationConfig
            {
                EosIds = fields.Ints("eos_token_id", 0, vocabularySize - 1, 256),
                Temperature = greedy ? 0 : Optional(fields, "temperature", 0, 100),
                TopP = Optional(fields, "top_p", 1e-6, 1),
                TopK = fields.Has("top_k") ? fields.Int("top_k", 0, int.MaxValue) : null,
                MinP = Optional(fields, "min_p", 0, 1),
                RepetitionPenalty = Optional(fields, "repetition_penalty", 1e-3, 100),
            };
        }
        catch (MalformedFileException e)
        {
            throw new ModelFormatException($"generation_config.json: {e.Message}", e);
        }
    }

    /// <summary>The same stops with no sampling defaults: what <c>--generation-config none</c> means.</summary>
    public GenerationConfig WithoutDefaults() => new() { EosIds = EosIds };

    private static float? Optional(JsonFields fields, string name, double min, double max)
    {
        return fields.Has(name) ? (float)fields.Number(name, min, max) : null;
    }
}
