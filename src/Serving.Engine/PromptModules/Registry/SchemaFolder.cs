using System.Text;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Registry;

/// <summary>A schema found in the folder, or why it is none.</summary>
/// <param name="File">Its path below the folder.</param>
/// <param name="Owner">The tenant whose folder it stands in; null for the folder itself: public.</param>
/// <param name="Schema">The schema, or null.</param>
/// <param name="Size">Characters of its source.</param>
/// <param name="Error">Why there is none.</param>
public sealed record SchemaFile(string File, string? Owner, PromptSchema? Schema, long Size, string? Error);

/// <summary>The folder of schemas that an admin keeps: <c>*.pml</c> and <c>*.json</c> are public, those in <c>TENANT/</c> are that tenant's.</summary>
public static class SchemaFolder
{
    /// <summary>Files that are looked at.</summary>
    private const int MaxFiles = 4096;

    /// <summary>Reads all files. A broken one is reported and harms no other.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static IEnumerable<SchemaFile> Read(string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Where(file => Path.GetExtension(file) is ".pml" or ".json")
            .Take(MaxFiles)
            .Order(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var name = Path.GetRelativePath(folder, file);
            var owner = Path.GetDirectoryName(name) is { Length: > 0 } tenant ? tenant : null;
            yield return Read(file, name, owner);
        }
    }

    private static SchemaFile Read(string file, string name, string? owner)
    {
        try
        {
            var bytes = BoundedFile.Read(file, 3L * SchemaLimits.SourceLength);
            var text = Encoding.UTF8.GetString(bytes);
            text = text.StartsWith('\uFEFF') ? text[1..] : text;
            return new SchemaFile(name, owner, Path.GetExtension(file) == ".pml" ? PmlSchemaReader.Read(text) : JsonSchemaReader.Read(text), text.Length, null);
        }
        catch (Exception exception) when (exception is PromptSchemaException or MalformedFileException or IOException or UnauthorizedAccessException)
        {
            return new SchemaFile(name, owner, null, 0, exception.Message);
        }
    }
}
