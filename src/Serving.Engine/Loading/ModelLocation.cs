namespace Serving.Engine.Loading;

/// <summary>Where a model is.</summary>
/// <param name="Folder">The folder that holds <c>config.json</c>.</param>
/// <param name="Name">What it is called unless the configuration says otherwise: the folder's name, or <c>org/name</c>.</param>
public sealed record ModelLocation(string Folder, string Name);
