using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// What a folder in the layout of Sentence Transformers says of how an embedding is made of hidden states: <c>modules.json</c> and the <c>config.json</c> of the module for pooling. Most
/// models have neither; then it is the last token's.
/// </summary>
public static class PoolingConfig
{
    private const string Prefix = "sentence_transformers.models.";

    /// <summary>Largest file read.</summary>
    private const int MaxBytes = 64 << 10;

    /// <summary>Why embeddings of a model are not served as it makes them; null where they are.</summary>
    /// <exception cref="ModelFormatException">A file is there and cannot be read.</exception>
    public static string? Refusal(string folder)
    {
        try
        {
            return Read(folder, "modules.json") is { } text ? Refusal(ParseModules(text), path => Read(Path.Combine(folder, path), "config.json")) : null;
        }
        catch (MalformedFileException e)
        {
            throw new ModelFormatException($"modules.json, or the configuration of its pooling, cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The same of modules and what their folders hold.</summary>
    /// <param name="modules">Types and folders, in order.</param>
    /// <param name="configOf">The text of a folder's <c>config.json</c>; null without one.</param>
    internal static string? Refusal(IEnumerable<(string Type, string Path)> modules, Func<string, byte[]?> configOf)
    {
        foreach (var (type, path) in modules)
        {
            var refusal = type switch
            {
                Prefix + "Transformer" or Prefix + "Normalize" => null,
                Prefix + "Pooling" => configOf(path) is { } config ? OfPooling(JsonFields.Parse(config)) : null,
                _ => $"a module of type {MalformedFileException.Quote(type)}",
            };
            if (refusal is not null)
            {
                return refusal;
            }
        }

        return null;
    }

    /// <summary>Reads <c>modules.json</c>: an array of objects with a type and a folder's name.</summary>
    internal static IReadOnlyList<(string Type, string Path)> ParseModules(byte[] text)
    {
        // The reader of configurations takes objects.
        var fields = JsonFields.Parse((byte[])[.. "{\"modules\":"u8, .. text, (byte)'}']);
        if (!fields.TryGet("modules", out var modules) || modules.ValueKind != JsonValueKind.Array)
        {
            throw new MalformedFileException("not an array");
        }

        return [.. modules.EnumerateArray().Select(module => module.ValueKind == JsonValueKind.Object ? Module(new JsonFields(module)) : throw new MalformedFileException("a module is not an object"))];
    }

    // A folder beside the file and nowhere else.
    private static (string Type, string Path) Module(JsonFields module)
    {
        var path = module.Text("path") ?? "";
        return path.AsSpan().IndexOfAny("/\\:\0") < 0 && path != ".."
            ? (module.Text("type") ?? "", path)
            : throw new MalformedFileException($"{MalformedFileException.Quote(path)} is not the name of a folder");
    }

    private static string? OfPooling(JsonFields config)
    {
        const string Mode = "pooling_mode";
        if (config.Has(Mode))
        {
            var mode = config.Text(Mode);
            return mode == "lasttoken" ? null : $"pooling {MalformedFileException.Quote(mode)}";
        }

        var others = config.Element.EnumerateObject()
            .Where(field => field.Name.StartsWith(Mode + "_", StringComparison.Ordinal) && field.Value.ValueKind == JsonValueKind.True && field.Name != Mode + "_lasttoken");
        return others.Select(field => $"pooling {MalformedFileException.Quote(field.Name[(Mode.Length + 1)..])}").FirstOrDefault();
    }

    private static byte[]? Read(string folder, string name)
    {
        try
        {
            return BoundedFile.Read(Path.Combine(folder, name), MaxBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MalformedFileException("not readable", e);
        }
    }
}
