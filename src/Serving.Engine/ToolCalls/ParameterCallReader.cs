using System.Text;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads a call whose parameters stand one by one in marks, and writes its arguments as JSON while they come: a text as it comes, other values when they are whole. A parameter that comes twice, a mark that is
/// not one of the format's, and it is no call.
/// </summary>
/// <param name="style">The marks.</param>
/// <param name="names">The functions that were offered.</param>
/// <param name="kinds">How their parameters are read.</param>
/// <param name="isInName">Whether the mark before the name has been read already.</param>
internal sealed class ParameterCallReader(ParameterStyle style, IReadOnlySet<string> names, ParameterKinds kinds, bool isInName) : CallReader
{
    /// <summary>Characters of a parameter's name at most.</summary>
    public const int MaxKeyLength = 256;

    private readonly HashSet<string> _keys = [];
    private readonly StringBuilder _word = new();
    private readonly StringBuilder _key = new();
    private State _state = isInName || style.NameOpen.Length == 0 ? State.Name : State.NameOpen;
    private ParameterValue? _value;
    private string _written = "";
    private bool _isDone;

    private enum State
    {
        NameOpen,
        Name,
        NameClose,

        // Behind the name, and behind each parameter.
        Between,
        Key,
        KeyClose,
        ValueOpen,
        Value,
    }

    /// <inheritdoc/>
    public override string? Written => _written;

    /// <inheritdoc/>
    public override bool HasEnded => _isDone;

    /// <inheritdoc/>
    public override CallStep Next(char c)
    {
        _written = "";
        var isRight = _state switch
        {
            State.NameOpen => Literal(c, style.NameOpen, State.Name),
            State.Name => InName(c),
            State.NameClose => Literal(c, style.NameClose, State.Between),
            State.Between => Between(c),
            State.Key => InKey(c),
            State.KeyClose => KeyClose(c),
            State.ValueOpen => (_word.Length == 0 && char.IsWhiteSpace(c)) || (Literal(c, style.ValueOpen, State.Value) && Opened()),
            _ => InValue(c),
        };
        return !isRight ? CallStep.Wrong
            : _isDone ? CallStep.Complete
            : _keys.Count > 0 ? CallStep.Arguments
            : CallStep.Head;
    }

    // Takes a character of a text that must stand here; behind it follows another state.
    private bool Literal(char c, string text, State next)
    {
        if (c != text[_word.Length])
        {
            return false;
        }

        _word.Append(c);
        if (_word.Length == text.Length)
        {
            _word.Clear();
            _state = next;
        }

        return true;
    }

    private bool InName(char c)
    {
        if (char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
        {
            _word.Append(c);
            return _word.Length <= ToolCallFormat.MaxNameLength;
        }

        Name = _word.ToString();
        _word.Clear();
        if (!names.Contains(Name))
        {
            return false;
        }

        _state = style.NameClose.Length == 0 ? State.Between : State.NameClose;
        return _state == State.Between ? Between(c) : Literal(c, style.NameClose, State.Between);
    }

    private bool Between(char c)
    {
        if (_word.Length == 0 && char.IsWhiteSpace(c))
        {
            return true;
        }

        _word.Append(c);
        var mark = _word.ToString();
        if (mark == style.KeyOpen)
        {
            _word.Clear();
            _state = State.Key;
        }
        else if (mark == style.End)
        {
            _written = _keys.Count == 0 ? "{}" : "}";
            _isDone = true;
        }

        return _isDone || _state == State.Key || style.KeyOpen.StartsWith(mark, StringComparison.Ordinal) || style.End.StartsWith(mark, StringComparison.Ordinal);
    }

    private bool InKey(char c)
    {
        if (c == style.KeyClose[0])
        {
            _state = State.KeyClose;
            return KeyClose(c);
        }

        _key.Append(c);
        return c is not ('<' or '>' or '\n') && _key.Length <= MaxKeyLength;
    }

    private bool KeyClose(char c)
    {
        _word.Append(c);
        var mark = _word.ToString();
        if (mark != style.KeyClose && mark != style.TextKeyClose)
        {
            return style.KeyClose.StartsWith(mark, StringComparison.Ordinal) || style.TextKeyClose.StartsWith(mark, StringComparison.Ordinal);
        }

        var kind = style.TextKeyClose.Length == 0 ? kinds.Of(Name!, _key.ToString()) : mark == style.TextKeyClose ? ParameterKind.Text : ParameterKind.Json;
        _word.Clear();
        _value = new ParameterValue(style, kind);
        _state = style.ValueOpen.Length > 0 ? State.ValueOpen : State.Value;
        return _key.Length > 0 && (_state == State.ValueOpen || Opened());
    }

    // A value begins, with the name of its parameter before it.
    private bool Opened()
    {
        if (_state != State.Value)
        {
            return true;
        }

        var key = _key.ToString();
        _written = $"{(_keys.Count == 0 ? "{" : ", ")}{WrittenStrings.Quote(key)}: ";
        _key.Clear();
        return _keys.Add(key);
    }

    private bool InValue(char c)
    {
        var isRight = _value!.Take(c);
        _written = _value.Written;
        if (_value.HasEnded)
        {
            _state = State.Between;
        }

        return isRight;
    }
}
