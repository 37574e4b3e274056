namespace Serving.Engine.Loading.Adapters;

/// <summary>The folders that adapters lie in; calls may take as long as the file system does.</summary>
internal interface IAdapterFolders
{
    /// <summary>Where an owner's adapter is, or null when there is none inside the owner's reach.</summary>
    AdapterLocation? Find(AdapterHandle handle);

    /// <summary>Where the folder or GGUF file is that a caller's <c>lora_path</c> names: relative to the owner's reach, or absolute and inside it.</summary>
    AdapterLocation? FindPath(string? owner, string path);

    /// <summary>The names of the adapters in an owner's folder, at most 65,536.</summary>
    IEnumerable<string> List(string? owner);

    /// <summary>The tenants that have folders here.</summary>
    IEnumerable<string> Tenants();
}
