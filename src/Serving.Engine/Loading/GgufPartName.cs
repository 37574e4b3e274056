using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Engine.Loading;

/// <summary>The name of one of the files that a GGUF model was split into (by llama.cpp's <c>llama-gguf-split</c>): <c>NAME-00002-of-00005.gguf</c>.</summary>
/// <param name="Stem">What the names of all its parts begin with.</param>
/// <param name="Number">Which part it is, from 1 on.</param>
/// <param name="Count">How many there are.</param>
internal sealed partial record GgufPartName(string Stem, int Number, int Count)
{
    /// <summary>Reads a file's name, without its folder; null where it is no part's.</summary>
    public static GgufPartName? Parse(string name)
    {
        if (Pattern().Match(name) is not { Success: true } match)
        {
            return null;
        }

        var (number, count) = (Number("number"), Number("count"));
        return number >= 1 && number <= count ? new GgufPartName(match.Groups["stem"].Value, number, count) : null;

        int Number(string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
    }

    /// <summary>The first part of the one model that all files are parts of, in the folder of the first file; null where they are not parts of one.</summary>
    public static string? FirstOf(IReadOnlyList<string> paths)
    {
        GgufPartName?[] names = [.. paths.Select(path => Parse(Path.GetFileName(path)))];
        return names.Length > 0 && names[0] is { } own && Array.TrueForAll(names, name => name is not null && name with { Number = 1 } == own with { Number = 1 })
            ? Path.Combine(Path.GetDirectoryName(paths[0]) ?? "", own.Of(1))
            : null;
    }

    /// <summary>The name of another part.</summary>
    public string Of(int number) => string.Create(CultureInfo.InvariantCulture, $"{Stem}-{number:00000}-of-{Count:00000}.gguf");

    [GeneratedRegex(@"\A(?<stem>.+)-(?<number>[0-9]{5})-of-(?<count>[0-9]{5})\.gguf\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
