namespace Serving.Engine.Models;

/// <summary>
/// A file from outside does not hold what it should. Parsers of one format throw it; the door that knows whether a model or an adapter
/// was being read turns it into that kind's exception. The message quotes names from the file, cut short, and never a path.
/// </summary>
public class MalformedFileException : Exception
{
    /// <summary>Creates the exception with the reason.</summary>
    public MalformedFileException(string reason)
        : base(reason)
    {
    }

    /// <summary>Creates the exception with the reason and its cause.</summary>
    public MalformedFileException(string reason, Exception inner)
        : base(reason, inner)
    {
    }

    /// <summary>A name from a hostile file, fit for a message: at most 100 characters, control characters replaced.</summary>
    public static string Quote(string? name)
    {
        if (name is null)
        {
            return "null";
        }

        var kept = name.Length <= 100 ? name : name[..97] + "...";
        return "'" + string.Create(kept.Length, kept, static (span, text) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(text[i]) || char.IsSurrogate(text[i]) ? '?' : text[i];
            }
        }) + "'";
    }
}
