using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>A model's folder in Hugging Face's layout, with its two configuration files read.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Config"><c>config.json</c>.</param>
/// <param name="ConfigText">Its text: part of the model's revision.</param>
/// <param name="Generation"><c>generation_config.json</c>, or <see cref="GenerationConfig.None"/> without one.</param>
public sealed record ModelFolder(string Path, ModelConfig Config, ReadOnlyMemory<byte> ConfigText, GenerationConfig Generation)
{
    /// <summary>Reads a folder's configuration.</summary>
    /// <exception cref="ModelFormatException">A file is missing, unreadable, malformed or asks for what is not supported.</exception>
    public static ModelFolder Open(string path)
    {
        var text = Read(path, "config.json") ?? throw new ModelFormatException("config.json is missing from the model's folder");
        var config = ModelConfig.Parse(text);
        var generation = Read(path, "generation_config.json") is { } generationText
            ? GenerationConfig.Parse(generationText, config.Shape.VocabularySize)
            : GenerationConfig.None;
        return new ModelFolder(path, config, text, generation);
    }

    private static byte[]? Read(string folder, string name)
    {
        try
        {
            return BoundedFile.Read(System.IO.Path.Combine(folder, name), JsonFields.MaxBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MalformedFileException)
        {
            throw new ModelFormatException($"{name} cannot be read", e);
        }
    }
}
