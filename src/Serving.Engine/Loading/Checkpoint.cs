using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>The weights of a model folder: <c>model.safetensors</c>, or the shards that <c>model.safetensors.index.json</c> names.</summary>
public sealed class Checkpoint : IDisposable
{
    /// <summary>The file of an unsharded checkpoint.</summary>
    public const string SingleName = "model.safetensors";

    /// <summary>The file that says which shard holds which tensor.</summary>
    public const string IndexName = "model.safetensors.index.json";

    private static readonly string[] PickledNames = ["pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"];

    private const int MaxShards = 4096;
    private const int MaxIndexBytes = 64 << 20;

    private readonly Dictionary<string, SafetensorsReader> _tensors = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SafetensorsReader> _shards = new(StringComparer.Ordinal);

    private Checkpoint()
    {
    }

    /// <summary>All tensor names.</summary>
    public IReadOnlyCollection<string> TensorNames => _tensors.Keys;

    /// <summary>The open files by name, in order.</summary>
    public IReadOnlyDictionary<string, SafetensorsReader> Shards => _shards;

    /// <summary>Opens the checkpoint of a folder and checks all headers.</summary>
    /// <exception cref="ModelFormatException">A file is missing, malformed or unreadable; the message names the file.</exception>
    public static Checkpoint Open(string folder)
    {
        var checkpoint = new Checkpoint();
        try
        {
            if (File.Exists(Path.Combine(folder, IndexName)))
            {
                checkpoint.OpenShards(folder);
            }
            else
            {
                checkpoint.OpenSingle(folder);
            }

            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor and the file that holds it.</summary>
    public bool TryGet(string name, out SafetensorsReader reader, out TensorEntry tensor)
    {
        if (_tensors.TryGetValue(name, out reader!))
        {
            tensor = reader.Header.Tensors[name];
            return true;
        }

        tensor = null!;
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var shard in _shards.Values)
        {
            shard.Dispose();
        }
    }

    private void OpenSingle(string folder)
    {
        var reader = OpenShard(folder, SingleName);
        foreach (var name in reader.Header.Tensors.Keys)
        {
            _tensors.Add(name, reader);
        }
    }

    private void OpenShards(string folder)
    {
        foreach (var (tensor, file) in ReadIndex(folder))
        {
            if (!_shards.TryGetValue(file, out var reader))
            {
                reader = OpenShard(folder, file);
            }

            if (!reader.Header.Tensors.ContainsKey(tensor))
            {
                throw new ModelFormatException($"{IndexName}: tensor {MalformedFileException.Quote(tensor)} is not in {file}");
            }

            _tensors.Add(tensor, reader);
        }
    }

    private SafetensorsReader OpenShard(string folder, string file)
    {
        if (_shards.Count == MaxShards)
        {
            throw new ModelFormatException($"{IndexName}: more than {MaxShards} shards");
        }

        try
        {
            var reader = SafetensorsReader.Open(Path.Combine(folder, file));
            _shards.Add(file, reader);
            return reader;
        }
        catch (FileNotFoundException e)
        {
            throw new ModelFormatException($"{file} is missing from the model's folder{HintOf(folder)}", e);
        }
        catch (Exception e) when (e is MalformedFileException or IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(e is MalformedFileException ? $"{file}: {e.Message}" : $"{file} cannot be read", e);
        }
    }

    /// <summary>What else the folder holds weights in; none of it is read.</summary>
    private static string HintOf(string folder)
    {
        if (PickledNames.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } pickled)
        {
            return $"; {pickled} is not read, since it can hold code: convert it to safetensors";
        }

        return Directory.EnumerateFiles(folder, "*.gguf").Any() ? "; to serve a GGUF file, name the file" : string.Empty;
    }

    /// <summary>Tensor → shard. A shard's name is a plain file name, so that an index cannot reach outside its folder.</summary>
    private static List<(string Tensor, string File)> ReadIndex(string folder)
    {
        try
        {
            var text = BoundedFile.Read(Path.Combine(folder, IndexName), MaxIndexBytes);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 4, AllowDuplicateProperties = false });
            var map = new List<(string, string)>();
            foreach (var entry in document.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                var file = entry.Value.GetString();
                if (!IsShardName(file))
                {
                    throw new ModelFormatException($"{IndexName}: {MalformedFileException.Quote(file)} is not a shard's file name");
                }

                map.Add((entry.Name, file!));
            }

            return map;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or (MalformedFileException and not ModelFormatException))
        {
            throw new ModelFormatException($"{IndexName}: not a weight map", e);
        }
    }

    private static bool IsShardName(string? file)
    {
        return file is { Length: > 0 and <= 255 }
            && file.EndsWith(".safetensors", StringComparison.Ordinal)
            && file.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            && file[0] != '.';
    }
}
