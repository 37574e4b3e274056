using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Serving.Testing;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>The JSON files of a shared archive, by name.</summary>
internal static class SchemaArchive
{
    public static SortedDictionary<string, JsonElement> Read(string archive)
    {
        var files = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        using var file = File.OpenRead(Repository.SharedData("jsonschema", archive));
        using var tar = new TarReader(new GZipStream(file, CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is { } data && entry.Name.EndsWith(".json", StringComparison.Ordinal))
            {
                using var document = JsonDocument.Parse(data, new JsonDocumentOptions { MaxDepth = 256 });
                files.Add(entry.Name, document.RootElement.Clone());
            }
        }

        return files;
    }
}
