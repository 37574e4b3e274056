namespace Serving.Engine.Models;

/// <summary>The decoder of a checkpoint that sees images, too: its configuration is under <c>text_config</c>, and its tensors are under <c>language_model.</c>.</summary>
internal static class DecoderPart
{
    /// <summary>What the whole model's file may say beside the decoder: what the parts that are not served are.</summary>
    private static readonly ConfigDefaults WholeDefaults = new() { Implemented = ["vision_config"] };

    /// <summary>Reads the decoder's configuration in that of the whole.</summary>
    /// <param name="fields">The whole.</param>
    /// <param name="read">Reads the decoder's own.</param>
    public static ModelConfig Read(JsonFields fields, Func<JsonFields, ModelConfig> read)
    {
        RefusedKeys.Check(fields, WholeDefaults);
        var text = fields.Object("text_config") ?? throw fields.Wrong("text_config", "the decoder's configuration");
        var config = read(text);
        var ends = fields.Ints("eos_token_id", 0, config.Shape.VocabularySize - 1, ConfigReader.MaxEosIds);
        return config with
        {
            EosIds = [.. config.EosIds.Concat(ends).Distinct()],
            TiedEmbeddings = fields.Flag("tie_word_embeddings", config.TiedEmbeddings),
            TensorPrefix = TensorNames.LanguageModel,
        };
    }
}
