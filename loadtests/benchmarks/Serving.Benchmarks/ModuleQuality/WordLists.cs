using System.Text.RegularExpressions;

namespace Serving.Benchmarks.ModuleQuality;

/// <summary>The words that the bundled model was trained with, read from its training code so that there is one list of them.</summary>
internal sealed partial class WordLists
{
    private readonly Dictionary<string, string[]> _lists = [];

    /// <summary>Reads a <c>words.py</c>.</summary>
    public WordLists(string path)
    {
        var text = File.ReadAllText(path);
        foreach (Match list in Splits().Matches(text))
        {
            _lists[list.Groups["name"].Value] = string.Concat(Quoted().Matches(list.Groups["words"].Value).Select(quoted => quoted.Groups[1].Value)).Split(' ');
        }

        Cities = [.. Capitals().Match(text).Groups["pairs"].Value.Split(['\n', '|']).Select(pair => pair.Split(':')[1])];
    }

    /// <summary>Capitals of the world.</summary>
    public string[] Cities { get; }

    /// <summary>A list by the name that it has there.</summary>
    public string[] this[string name] => _lists[name];

    [GeneratedRegex(@"^(?<name>[A-Z]+) = \(?(?<words>(?:\s*""[^""]*"")+)\)?\.split\(\)", RegexOptions.Multiline)]
    private static partial Regex Splits();

    [GeneratedRegex(@"""([^""]*)""")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^CAPITALS = .*?""""""(?<pairs>[^""]*)""""""", RegexOptions.Multiline)]
    private static partial Regex Capitals();
}
