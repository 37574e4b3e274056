using System.Text.RegularExpressions;

namespace Serving.Engine.PromptModules.Schemas;

/// <summary>Names of schemas, modules and parameters, as PML has them, and paths of modules: names from the outermost module in, joined by slashes.</summary>
public static partial class SchemaNames
{
    /// <summary>What stands between the names of a path; no name can hold it.</summary>
    public const char Separator = '/';

    /// <summary>What a name is, for messages.</summary>
    public const string Rule = "a name is 1 to 64 letters, digits, '_', '.' or '-', and starts with a letter or '_'";

    /// <summary>Whether a text is a name.</summary>
    public static bool IsValid(string? name) => name is { Length: > 0 and <= SchemaLimits.NameLength } && Pattern().IsMatch(name);

    /// <summary>The path of a module inside another; an empty one is the schema itself.</summary>
    public static string Join(string parent, string name) => parent.Length == 0 ? name : parent + Separator + name;

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_.-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
