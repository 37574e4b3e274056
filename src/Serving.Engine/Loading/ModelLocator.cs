using System.Text.RegularExpressions;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Finds the model that <c>--model</c> names: a folder, a GGUF file, the first one of its parts, or a folder that holds that and nothing else of a model, or <c>org/name</c> in the local Hugging Face cache
/// (<c>HF_HUB_CACHE</c>, <c>HF_HOME/hub</c>, <c>XDG_CACHE_HOME/huggingface/hub</c> or <c>~/.cache/huggingface/hub</c>). Nothing is downloaded.
/// </summary>
public static partial class ModelLocator
{
    private const int MaxReferenceBytes = 256;
    private const string GgufEnding = ".gguf";

    /// <summary>Files of a folder that are looked at: more than any model has parts.</summary>
    private const int MaxFiles = 2048;

    /// <summary>Finds a model with this process's environment.</summary>
    /// <exception cref="ModelFormatException">It is not there; the message says what to do.</exception>
    public static ModelLocation Locate(string model) => Locate(model, Environment.GetEnvironmentVariable);

    /// <summary>Finds a model.</summary>
    /// <param name="model">A folder, a GGUF file or <c>org/name</c>.</param>
    /// <param name="environment">The value of an environment variable, or null.</param>
    /// <exception cref="ModelFormatException">It is not there; the message says what to do.</exception>
    public static ModelLocation Locate(string model, Func<string, string?> environment)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(model);
        ArgumentNullException.ThrowIfNull(environment);
        if (Directory.Exists(model))
        {
            return LocateFolder(model);
        }

        if (model.EndsWith(GgufEnding, StringComparison.OrdinalIgnoreCase))
        {
            return File.Exists(model) ? OfFile(model) : throw new ModelFormatException($"there is no file {model}");
        }

        if (!RepositoryName().IsMatch(model))
        {
            throw new ModelFormatException($"there is no folder {model}, and it is not the org/name of a repository");
        }

        var cached = Path.Combine(CacheFolder(environment), "models--" + model.Replace("/", "--", StringComparison.Ordinal));
        return Snapshot(cached) is { } snapshot
            ? LocateFolder(snapshot) with { Name = model }
            : throw new ModelFormatException($"{model} is neither a folder nor in the local Hugging Face cache; download it with: hf download {model}");
    }

    private static ModelLocation LocateFolder(string model)
    {
        var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(model));
        if (File.Exists(Path.Combine(folder, "config.json")))
        {
            return new ModelLocation(folder, Path.GetFileName(folder));
        }

        string[] files = [.. Directory.EnumerateFiles(folder, "*" + GgufEnding).Take(MaxFiles)];
        return files.Length switch
        {
            1 => OfFile(files[0]),
            0 => throw new ModelFormatException($"the folder {model} holds no config.json"),
            _ => OfFile(GgufPartName.FirstOf(files) ?? throw new ModelFormatException($"the folder {model} holds several GGUF files; name one of them")),
        };
    }

    private static ModelLocation OfFile(string path) =>
        new(Path.GetFullPath(path), GgufPartName.Parse(Path.GetFileName(path))?.Stem ?? Path.GetFileNameWithoutExtension(path)) { IsGguf = true };

    private static string CacheFolder(Func<string, string?> environment)
    {
        if (Set(environment, "HF_HUB_CACHE") is { } hub)
        {
            return hub;
        }

        if (Set(environment, "HF_HOME") is { } home)
        {
            return Path.Combine(home, "hub");
        }

        var cache = Set(environment, "XDG_CACHE_HOME")
            ?? Path.Combine(Set(environment, "HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "huggingface", "hub");
    }

    private static string? Set(Func<string, string?> environment, string name) => environment(name) is { Length: > 0 } value ? value : null;

    /// <summary>The snapshot that <c>refs/main</c> names, or the only one where nothing is named; null unless it holds a config or a GGUF file.</summary>
    private static string? Snapshot(string repository)
    {
        try
        {
            var reference = Path.Combine(repository, "refs", "main");
            var snapshots = Path.Combine(repository, "snapshots");
            var commit = File.Exists(reference)
                ? System.Text.Encoding.ASCII.GetString(BoundedFile.Read(reference, MaxReferenceBytes)).Trim()
                : Directory.Exists(snapshots) && Directory.GetDirectories(snapshots) is [var only] ? Path.GetFileName(only) : "";
            var folder = Path.Combine(snapshots, commit);
            return CommitName().IsMatch(commit) && (File.Exists(Path.Combine(folder, "config.json")) || Directory.EnumerateFiles(folder, "*" + GgufEnding).Any()) ? folder : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MalformedFileException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\z", RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryName();

    [GeneratedRegex(@"\A[A-Za-z0-9]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CommitName();
}
