using System.Text;
using System.Text.Json;

namespace Serving.Server.Configuration;

/// <summary>A value of a configuration file, before anyone knows whether its key exists.</summary>
/// <param name="Section">The object it stands in.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Texts">The value as text, a list as several; null for JSON null.</param>
/// <param name="Line">Line of its name, from 1.</param>
internal readonly record struct ConfigurationEntry(string Section, string Name, IReadOnlyList<string>? Texts, int Line);

/// <summary>
/// Reads JSON with comments and trailing commas: sections that hold keys that hold a text, a number, true, false, null or a list of texts.
/// </summary>
internal static class ConfigurationFile
{
    /// <summary>Reads a file's content.</summary>
    /// <param name="utf8">The content.</param>
    /// <param name="errors">Receives "line N: …" for everything that is not of that form.</param>
    public static IReadOnlyList<ConfigurationEntry> Parse(ReadOnlySpan<byte> utf8, List<string> errors)
    {
        var entries = new List<ConfigurationEntry>();
        if (utf8.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }

        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8 });
            ReadSections(ref reader, utf8, entries, errors);
        }
        catch (JsonException exception)
        {
            errors.Add($"line {(exception.LineNumber ?? 0) + 1}: not valid JSON");
        }

        return entries;
    }

    private static void ReadSections(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, List<ConfigurationEntry> entries, List<string> errors)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            errors.Add("line 1: the file must be a JSON object");
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (section, line) = (reader.GetString()!, Line(utf8, ref reader));
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                errors.Add($"line {line}: \"{section}\" must be an object of keys");
                reader.Skip();
                continue;
            }

            ReadKeys(ref reader, utf8, section, entries, errors);
        }

        // A complaint about anything after the object comes from here.
        reader.Read();
    }

    private static void ReadKeys(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, string section, List<ConfigurationEntry> entries, List<string> errors)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (name, line) = (reader.GetString()!, Line(utf8, ref reader));
            reader.Read();
            var (ok, texts) = ReadValue(ref reader);
            if (ok)
            {
                entries.Add(new ConfigurationEntry(section, name, texts, line));
            }
            else
            {
                errors.Add($"line {line}: {section}.{name} must be a text, a number, true, false, null or a list of texts");
            }
        }
    }

    private static (bool Ok, IReadOnlyList<string>? Texts) ReadValue(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return (true, null);
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            var text = Scalar(ref reader);
            reader.Skip();
            return (text is not null, text is null ? null : [text]);
        }

        var (texts, ok) = (new List<string>(), true);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var text = Scalar(ref reader);
            reader.Skip();
            ok &= text is not null;
            texts.Add(text ?? "");
        }

        return (ok, texts);
    }

    private static string? Scalar(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False => Encoding.UTF8.GetString(reader.ValueSpan),
        _ => null,
    };

    private static int Line(ReadOnlySpan<byte> utf8, ref Utf8JsonReader reader) => utf8[..(int)reader.TokenStartIndex].Count((byte)'\n') + 1;
}
