using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Serving.Protocol.OpenAi;

/// <summary>What a field of a wire type holds, in words, for messages about one that holds something else.</summary>
public static class FieldDescription
{
    /// <summary>
    /// Finds a field by the path of a <see cref="JsonException"/>, such as <c>$.stream_options.include_usage</c>.
    /// </summary>
    /// <param name="root">The body's type.</param>
    /// <param name="path">The path, from <c>$</c>.</param>
    /// <returns>The field as a client writes it, and what it should be; both null when the path names the body itself.</returns>
    public static (string? Field, string? Expected) Find(JsonTypeInfo root, string? path)
    {
        ArgumentNullException.ThrowIfNull(root);
        var field = path is null || !path.StartsWith("$.", StringComparison.Ordinal) ? null : path[2..];
        if (string.IsNullOrEmpty(field))
        {
            return (null, null);
        }

        var (info, type) = (root, (Type?)null);
        foreach (var segment in field.Split('.'))
        {
            var end = segment.IndexOf('[', StringComparison.Ordinal);
            var name = end < 0 ? segment : segment[..end];
            var property = info?.Properties.FirstOrDefault(candidate => candidate.Name == name);
            if (property is null)
            {
                break;
            }

            type = property.PropertyType;
            info = Nullable.GetUnderlyingType(type) is null && type.Namespace == typeof(FieldDescription).Namespace
                ? root.Options.GetTypeInfo(type)
                : null;
        }

        return (field, type is null ? null : InWords(type));
    }

    private static string InWords(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type switch
        {
            _ when type == typeof(string) => "a string",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(int) || type == typeof(long) => "an integer",
            _ when type == typeof(float) => "a number",
            _ when type == typeof(IReadOnlyList<string>) => "a string or a list of strings",
            _ when type == typeof(IReadOnlyList<int>) => "a list of integers",
            _ when type == typeof(IReadOnlyDictionary<string, float>) => "an object of numbers",
            _ when type == typeof(PromptInput) => "a string, a list of strings, a list of token ids or a list of lists of token ids",
            _ => "an object",
        };
    }
}
