namespace Serving.Engine.Loading;

/// <summary>Where a model is.</summary>
/// <param name="Path">The folder that holds <c>config.json</c>, a GGUF file, or the first one of its parts.</param>
/// <param name="Name">What it is called unless the configuration says otherwise: the folder's or the file's name, or <c>org/name</c>.</param>
public sealed record ModelLocation(string Path, string Name)
{
    /// <summary>Whether it is a GGUF file, or several.</summary>
    public bool IsGguf { get; init; }
}
