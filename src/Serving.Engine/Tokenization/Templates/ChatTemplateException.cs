namespace Serving.Engine.Tokenization.Templates;

/// <summary>A chat template that cannot be parsed, fails while it is rendered, exceeds a limit, or refuses its input.</summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="reason">What is wrong, without the position.</param>
    /// <param name="line">Line in the template, from 1; 0 when no place in the template is to blame.</param>
    /// <param name="column">Column in UTF-16 units, from 1; 0 like <paramref name="line"/>.</param>
    /// <param name="isRaisedByTemplate">True when the template itself called <c>raise_exception</c>.</param>
    public ChatTemplateException(string reason, int line, int column, bool isRaisedByTemplate = false)
        : base(line == 0 ? reason : $"{reason} (line {line}, column {column})")
    {
        Reason = reason;
        Line = line;
        Column = column;
        IsRaisedByTemplate = isRaisedByTemplate;
    }

    /// <summary>What is wrong, without the position; safe to show when <see cref="IsRaisedByTemplate"/>.</summary>
    public string Reason { get; }

    /// <summary>Line in the template, from 1; 0 when unknown.</summary>
    public int Line { get; }

    /// <summary>Column in the line, from 1; 0 when unknown.</summary>
    public int Column { get; }

    /// <summary>True when the template called <c>raise_exception</c>: <see cref="Reason"/> is its message to the user.</summary>
    public bool IsRaisedByTemplate { get; }
}
