using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>Values as JSON texts without white space, strings as the grammars write them.</summary>
internal static class JsonTexts
{
    private const int MostMembers = 5;

    /// <summary>The texts of a value with the members of its outermost object in any order; in the given one alone where there are many.</summary>
    public static IEnumerable<string> InAnyOrder(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object || value.EnumerateObject().Count() is < 2 or > MostMembers)
        {
            return [Write(value)];
        }

        return Orders([.. value.EnumerateObject()]).Select(members => $"{{{string.Join(',', members.Select(Write))}}}");
    }

    public static string Write(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => WrittenStrings.Quote(value.GetString()!),
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Write))}]",
        JsonValueKind.Object => $"{{{string.Join(',', value.EnumerateObject().Select(Write))}}}",
        _ => value.GetRawText(),
    };

    private static string Write(JsonProperty member) => $"{WrittenStrings.Quote(member.Name)}:{Write(member.Value)}";

    private static IEnumerable<JsonProperty[]> Orders(JsonProperty[] members) => members.Length < 2
        ? [members]
        : members.SelectMany((first, i) => Orders([.. members[..i], .. members[(i + 1)..]]).Select(rest => (JsonProperty[])[first, .. rest]));
}
