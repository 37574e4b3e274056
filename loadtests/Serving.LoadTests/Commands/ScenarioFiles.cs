using System.Reflection;
using Serving.LoadTests.Scenarios;
using Serving.Server.Configuration;

namespace Serving.LoadTests.Commands;

/// <summary>Load tests by name, which are in the program, or by the path of a file.</summary>
internal static class ScenarioFiles
{
    private const string Prefix = "Scenarios.";
    private static readonly Assembly Program = typeof(ScenarioFiles).Assembly;

    /// <summary>The names of those that are in the program.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } =
        [.. Program.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Select(name => name[Prefix.Length..]).Order(StringComparer.Ordinal)];

    /// <summary>Reads one.</summary>
    /// <exception cref="ScenarioException">There is none, or it is wrong.</exception>
    public static LoadTest Load(string nameOrPath)
    {
        if (BuiltIn.Contains(nameOrPath))
        {
            using var resource = Program.GetManifestResourceStream(Prefix + nameOrPath)!;
            var bytes = new byte[resource.Length];
            resource.ReadExactly(bytes);
            return ScenarioReader.Read(bytes);
        }

        try
        {
            return ScenarioReader.Read(ReadBounded(nameOrPath, ScenarioReader.MaxBytes));
        }
        catch (FileNotFoundException)
        {
            throw new ScenarioException($"there is no scenario and no file {nameOrPath}{Suggestion.For(nameOrPath.Length < 100 ? nameOrPath : "", BuiltIn)}; the program has {string.Join(", ", BuiltIn)}");
        }
        catch (ScenarioException exception)
        {
            throw new ScenarioException([.. exception.Errors.Select(error => $"{nameOrPath}: {error}")]);
        }
    }

    /// <summary>A file's content.</summary>
    /// <exception cref="ScenarioException">It is too large or cannot be read.</exception>
    public static byte[] ReadBounded(string path, int maxBytes)
    {
        try
        {
            using var file = File.OpenRead(path);
            var bytes = new byte[Math.Min(file.Length, maxBytes) + 1];
            var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return count <= maxBytes ? bytes[..count] : throw new ScenarioException($"{path}: has more than {maxBytes} bytes");
        }
        catch (Exception exception) when (exception is not FileNotFoundException and (IOException or UnauthorizedAccessException))
        {
            throw new ScenarioException($"{path}: cannot be read: {exception.Message}");
        }
    }
}
