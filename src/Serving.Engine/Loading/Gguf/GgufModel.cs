using Serving.Engine.Loading.Gguf.Vocabulary;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>What a GGUF file says about its model, but for the weights.</summary>
/// <param name="Config">Its configuration.</param>
/// <param name="Generation">Its defaults for requests.</param>
/// <param name="TokenizerText">Its tokenizer as a <c>tokenizer.json</c>.</param>
/// <param name="TokenizerConfigText">The rest of it as a <c>tokenizer_config.json</c>.</param>
/// <param name="Scheme">How most of its matrices are kept, for people; null where they are floats.</param>
internal sealed record GgufModel(ModelConfig Config, GenerationConfig Generation, byte[] TokenizerText, byte[] TokenizerConfigText, string? Scheme)
{
    /// <summary>Why embeddings are not served as the model makes them; null where they are.</summary>
    public string? EmbeddingRefusal { get; private init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelFormatException">It is unreadable, malformed, or asks for what is not supported.</exception>
    public static GgufModel Open(string path) => Guard(path, () =>
    {
        using var file = GgufFile.Open(path);
        var model = Read(file.Header);
        return model with { Config = GgufRope.Apply(model.Config, file) };
    });

    /// <summary>Reads the beginning of a file, or of a model in several.</summary>
    /// <exception cref="MalformedFileException">It asks for what is not supported.</exception>
    public static GgufModel Read(GgufHeader header)
    {
        var vocabulary = new GgufVocabulary(header.Metadata);
        var family = GgufFamily.Of(header.Metadata);
        var config = GgufConfig.Read(header, family, vocabulary.Ends);
        return vocabulary.Tokens.Count <= config.Shape.VocabularySize
            ? new GgufModel(config, GgufSampling.Read(header.Metadata), TokenizerJson.Write(vocabulary), TokenizerJson.WriteConfig(vocabulary), SchemeOf(header)) { EmbeddingRefusal = PoolingRefusal(header.Metadata.Integer($"{family.Name}.pooling_type")) }
            : throw new MalformedFileException($"the file has {vocabulary.Tokens.Count} tokens and {config.Shape.VocabularySize} embeddings");
    }

    /// <summary>Does something with a file, naming it in what goes wrong.</summary>
    internal static T Guard<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is MalformedFileException or IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(e is MalformedFileException ? $"{Path.GetFileName(path)}: {e.Message}" : $"{Path.GetFileName(path)} cannot be read", e);
        }
    }

    // llama.cpp's numbers: none is said of most models.
    private static string? PoolingRefusal(long? type) => type switch
    {
        null or 0 or 3 => null,
        1 => "pooling 'mean'",
        2 => "pooling 'cls'",
        _ => $"pooling of type {type}",
    };

    /// <summary>The type that takes the most bytes, if it is not a float's.</summary>
    private static string? SchemeOf(GgufHeader header)
    {
        var most = header.Tensors.Values.Where(tensor => tensor.Type.IsReadable).GroupBy(tensor => tensor.Type).MaxBy(group => group.Sum(tensor => tensor.Bytes))?.Key;
        return most?.Blocks is null ? null : $"GGUF, mostly {most.Name}";
    }
}
