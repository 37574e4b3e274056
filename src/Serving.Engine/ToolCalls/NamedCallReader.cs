using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>Reads a call that is a name, a mark, and an object of arguments: <c>name[ARGS]{…}</c>, or <c>name[CALL_ID]id[ARGS]{…}</c>.</summary>
internal sealed class NamedCallReader(IReadOnlySet<string> names) : CallReader
{
    /// <summary>Stands before arguments.</summary>
    public const string ArgumentsMark = "[ARGS]";

    /// <summary>Stands before an id.</summary>
    public const string IdMark = "[CALL_ID]";

    private readonly JsonScanner _json = new();
    private readonly StringBuilder _word = new();
    private string _mark = "";
    private string? _name;

    /// <inheritdoc/>
    public override bool HasEnded => _json.HasEnded;

    /// <inheritdoc/>
    public override CallStep Next(char c)
    {
        if (Name is null)
        {
            return _mark.Length > 0 || c == '[' ? InMark(c) : InWord(c);
        }

        if (_json.Depth == 0 && char.IsWhiteSpace(c))
        {
            return CallStep.Head;
        }

        return _json.Next(c) switch
        {
            JsonPart.Wrong => CallStep.Wrong,
            JsonPart.End => CallStep.Complete,
            _ => CallStep.Arguments,
        };
    }

    // The name, or the id behind it.
    private CallStep InWord(char c)
    {
        if (_word.Length == ToolCallFormat.MaxNameLength || !(char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
        {
            return CallStep.Wrong;
        }

        _word.Append(c);
        return CallStep.Head;
    }

    private CallStep InMark(char c)
    {
        _mark += c;
        if (_mark == ArgumentsMark)
        {
            Name = _name ?? _word.ToString();
            return names.Contains(Name) ? CallStep.Head : CallStep.Wrong;
        }

        if (_mark == IdMark && _name is null)
        {
            _name = _word.ToString();
            _word.Clear();
            _mark = "";
            return CallStep.Head;
        }

        return ArgumentsMark.StartsWith(_mark, StringComparison.Ordinal) || (_name is null && IdMark.StartsWith(_mark, StringComparison.Ordinal)) ? CallStep.Head : CallStep.Wrong;
    }
}
