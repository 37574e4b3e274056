using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>Reads a call that is a name, an object of arguments, and the marks of a <see cref="NamedStyle"/>. What the marks behind the arguments break off is no part of the call.</summary>
/// <param name="style">The marks.</param>
/// <param name="names">The functions that were offered.</param>
/// <param name="isInName">Whether the mark before the name has been read already.</param>
internal sealed class NamedCallReader(NamedStyle style, IReadOnlySet<string> names, bool isInName) : CallReader
{
    /// <summary>Ends a fence.</summary>
    public const string ClosingFence = "```";

    /// <summary>Stands before the name in an id.</summary>
    public const string IdPrefix = "functions.";

    /// <summary>Digits of an id's number at most.</summary>
    public const int MaxDigits = 4;

    private readonly JsonScanner _json = new();
    private readonly StringBuilder _word = new();
    private State _state = isInName || style.Open.Length == 0 ? State.Name : State.Open;
    private string? _id;
    private string _mark = "";
    private bool _hasIdMark;
    private bool _isFenced;

    private enum State
    {
        Open,
        Name,

        // Behind the name, or an id.
        Mark,
        Id,
        Gap,
        Fence,
        Arguments,
        ClosingFence,
        Close,
        Done,
    }

    /// <inheritdoc/>
    public override string? Id => _id;

    /// <inheritdoc/>
    public override bool HasEnded => _state == State.Done;

    /// <inheritdoc/>
    public override CallStep Next(char c) => _state switch
    {
        State.Open => Literal(c, style.Open, State.Name),
        State.Name => InName(c),
        State.Mark => InMark(c),
        State.Id => InId(c),
        State.Gap => InGap(c),
        State.Fence => Literal(c, style.Fence, State.Gap),
        State.Arguments => InArguments(c),
        State.ClosingFence => Behind(c, ClosingFence, State.Close),
        _ => Behind(c, style.Close, State.Done),
    };

    // Takes a character of a text that must stand here; behind it follows another state.
    private CallStep Literal(char c, string text, State next)
    {
        if (_mark.Length == 0 && char.IsWhiteSpace(c))
        {
            return CallStep.Head;
        }

        if (c != text[_mark.Length])
        {
            return CallStep.Wrong;
        }

        _mark += c;
        if (_mark.Length == text.Length)
        {
            _mark = "";
            _state = next;
        }

        return CallStep.Head;
    }

    private CallStep InName(char c)
    {
        if (_word.Length == 0 && char.IsWhiteSpace(c))
        {
            return CallStep.Head;
        }

        if (IsOfName(c) || (style.IsId && c is '.' or ':'))
        {
            _word.Append(c);
            return _word.Length <= ToolCallFormat.MaxNameLength + (style.IsId ? IdPrefix.Length + 1 + MaxDigits : 0) ? CallStep.Head : CallStep.Wrong;
        }

        Name = style.IsId ? NameIn(_word.ToString()) : _word.ToString();
        _word.Clear();
        if (!names.Contains(Name))
        {
            return CallStep.Wrong;
        }

        _state = style.ArgumentsMark.Length > 0 ? State.Mark : State.Gap;
        return Next(c);
    }

    private static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';

    // The name in an id, which is kept where it is one.
    private string NameIn(string id)
    {
        var isPrefixed = id.StartsWith(IdPrefix, StringComparison.Ordinal);
        var name = isPrefixed ? id[IdPrefix.Length..] : id;
        var number = name.LastIndexOf(':');
        if (number < 0)
        {
            return name;
        }

        _id = isPrefixed && number + 1 < name.Length && name.AsSpan(number + 1).IndexOfAnyExceptInRange('0', '9') < 0 ? id : null;
        return name[..number];
    }

    private CallStep InMark(char c)
    {
        if (_mark.Length == 0 && char.IsWhiteSpace(c))
        {
            return CallStep.Head;
        }

        _mark += c;
        if (_mark == style.ArgumentsMark)
        {
            (_mark, _state) = ("", State.Gap);
            return CallStep.Head;
        }

        if (_mark == style.IdMark && !_hasIdMark)
        {
            (_mark, _state, _hasIdMark) = ("", State.Id, true);
            return CallStep.Head;
        }

        return style.ArgumentsMark.StartsWith(_mark, StringComparison.Ordinal) || (!_hasIdMark && style.IdMark.StartsWith(_mark, StringComparison.Ordinal)) ? CallStep.Head : CallStep.Wrong;
    }

    private CallStep InId(char c)
    {
        if (IsOfName(c))
        {
            _word.Append(c);
            return _word.Length <= ToolCallFormat.MaxNameLength ? CallStep.Head : CallStep.Wrong;
        }

        _state = State.Mark;
        return InMark(c);
    }

    private CallStep InGap(char c)
    {
        if (char.IsWhiteSpace(c))
        {
            return CallStep.Head;
        }

        if (!_isFenced && style.Fence.Length > 0 && c == style.Fence[0])
        {
            (_isFenced, _state) = (true, State.Fence);
            return Next(c);
        }

        _state = State.Arguments;
        return InArguments(c);
    }

    private CallStep InArguments(char c)
    {
        switch (_json.Next(c))
        {
            case JsonPart.Wrong:
                return CallStep.Wrong;
            case JsonPart.End:
                _state = _isFenced ? State.ClosingFence : style.Close.Length > 0 ? State.Close : State.Done;
                return CallStep.Complete;
            default:
                return CallStep.Arguments;
        }
    }

    private CallStep Behind(char c, string text, State next)
    {
        var step = Literal(c, text, next);
        return step == CallStep.Wrong ? step : _state == State.Done ? CallStep.End : CallStep.Tail;
    }
}
