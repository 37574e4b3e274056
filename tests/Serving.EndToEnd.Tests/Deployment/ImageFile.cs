using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The repository's Dockerfile as a list of instructions, continued lines joined and comments left out.</summary>
internal sealed class ImageFile
{
    private readonly List<(string Name, string Operand)> _instructions = [];

    public ImageFile()
    {
        var lines = File.ReadAllLines(Repository.PathOf("Dockerfile")).Where(line => !line.StartsWith('#'));
        foreach (var line in string.Join('\n', lines).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            _instructions.Add((line[..space], line[(space + 1)..].Trim()));
        }
    }

    /// <summary>What follows every instruction of a name.</summary>
    public IEnumerable<string> All(string name) => _instructions.Where(i => i.Name == name).Select(i => i.Operand);

    /// <summary>What follows the last instruction of a name: the one that the image keeps.</summary>
    public string Last(string name) => All(name).Last();

    /// <summary>The variables that the last stage sets.</summary>
    public Dictionary<string, string> Environment => _instructions
        .Skip(_instructions.FindLastIndex(i => i.Name == "FROM"))
        .Where(i => i.Name == "ENV")
        .SelectMany(i => i.Operand.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(pair => pair.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Paths that are copied out of the build context.</summary>
    public IEnumerable<string> Sources => All("COPY")
        .Where(rest => !rest.Contains("--from=", StringComparison.Ordinal))
        .SelectMany(rest => rest.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..^1]);
}
