using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>What a model's files say, whatever their format.</summary>
/// <param name="Path">The folder or file.</param>
/// <param name="Config">Its configuration.</param>
/// <param name="Generation">Its defaults for requests.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
/// <param name="WeightScheme">How its matrices are kept where they are not plain floats, in a few words; null where they are.</param>
/// <param name="OpenWeights">Opens its weights.</param>
internal sealed record ModelFiles(
    string Path, ModelConfig Config, GenerationConfig Generation, Tokenizer Tokenizer, string? WeightScheme, Func<IWeightFiles> OpenWeights)
{
    /// <summary>Every token that ends a sequence, ascending.</summary>
    public IReadOnlyList<int> EosIds { get; } = [.. Config.EosIds.Concat(Generation.EosIds).Distinct().Order()];

    /// <summary>Why embeddings are not served as the model makes them; null where they are.</summary>
    public string? EmbeddingRefusal { get; init; }

    /// <summary>Reads everything but the weights.</summary>
    /// <exception cref="ModelFormatException">A file is missing, malformed or of a kind that is not served.</exception>
    /// <exception cref="TokenizerFormatException">Its tokenizer is.</exception>
    public static ModelFiles Open(ModelLocation location) => location.IsGguf ? OpenGguf(location.Path) : OpenFolder(location.Path);

    private static ModelFiles OpenFolder(string path)
    {
        var folder = ModelFolder.Open(path);
        var scheme = WeightSchemes.Of(folder);
        return new ModelFiles(path, folder.Config, folder.Generation, Tokenizer.Load(path), scheme?.Description, () => new FolderWeights(folder, scheme))
        {
            EmbeddingRefusal = PoolingConfig.Refusal(path),
        };
    }

    private static ModelFiles OpenGguf(string path)
    {
        var model = GgufModel.Open(path);
        return new ModelFiles(path, model.Config, model.Generation, Tokenizer.Parse(model.TokenizerText, model.TokenizerConfigText), model.Scheme, () => GgufWeights.Open(path))
        {
            EmbeddingRefusal = model.EmbeddingRefusal,
        };
    }
}
