using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>An image that the repository's Dockerfile makes, as the list of what is done for it: the instructions of its stages, from its base image to the target, continued lines joined and comments left out.</summary>
internal sealed class ImageFile
{
    private readonly List<(string Name, string Operand)> _instructions = [];

    private ImageFile(IEnumerable<(string Name, string Operand)> instructions) => _instructions.AddRange(instructions);

    /// <summary>Every stage, in the file's order.</summary>
    public static ImageFile Whole { get; } = new(Read());

    /// <summary>The image that a build makes, by a stage's name; without one the last stage's.</summary>
    public static ImageFile Of(string? target = null)
    {
        var stages = Stages();
        var stage = target is null ? stages[^1] : Assert.Single(stages, s => s.Name == target);
        var instructions = new List<(string, string)>();
        for (var at = stage; at.Name is not null; at = stages.SingleOrDefault(s => s.Name == at.Base))
        {
            instructions.InsertRange(0, at.Instructions);
        }

        return new ImageFile(instructions);
    }

    /// <summary>What follows every instruction of a name.</summary>
    public IEnumerable<string> All(string name) => _instructions.Where(i => i.Name == name).Select(i => i.Operand);

    /// <summary>What follows the last instruction of a name: the one that the image keeps.</summary>
    public string Last(string name) => All(name).Last();

    /// <summary>The image of someone else that this one stands on.</summary>
    public string Base => All("FROM").First().Split(' ')[0];

    /// <summary>The variables that the image sets.</summary>
    public Dictionary<string, string> Environment => All("ENV")
        .SelectMany(operand => operand.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(pair => pair.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Paths that are copied out of the build context.</summary>
    public IEnumerable<string> Sources => All("COPY")
        .Where(rest => !rest.Contains("--from=", StringComparison.Ordinal))
        .SelectMany(rest => rest.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..^1]);

    /// <summary>Copies from another stage: the stage, the paths there, the place here.</summary>
    public IEnumerable<(string Stage, string[] Paths, string Place)> Copies =>
        from rest in All("COPY")
        let words = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        where words[0].StartsWith("--from=", StringComparison.Ordinal)
        let paths = words.Where(word => !word.StartsWith("--", StringComparison.Ordinal)).ToArray()
        select (words[0]["--from=".Length..], paths[..^1], paths[^1]);

    private static List<(string Name, string Base, List<(string, string)> Instructions)> Stages()
    {
        var stages = new List<(string Name, string Base, List<(string, string)> Instructions)>();
        foreach (var (name, operand) in Read())
        {
            if (name == "FROM")
            {
                var words = operand.Split(' ');
                stages.Add((words[2], words[0], []));
            }

            if (stages.Count > 0)
            {
                stages[^1].Instructions.Add((name, operand));
            }
        }

        return stages;
    }

    private static IEnumerable<(string Name, string Operand)> Read()
    {
        var lines = File.ReadAllLines(Repository.PathOf("Dockerfile")).Where(line => !line.StartsWith('#'));
        foreach (var line in string.Join('\n', lines).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            yield return (line[..space], line[(space + 1)..].Trim());
        }
    }
}
