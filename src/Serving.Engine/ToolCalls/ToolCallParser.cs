using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Tells calls from content in an answer that comes in pieces. A call, in the form of a <see cref="ToolCallFormat"/>, names one of the functions offered, and its
/// arguments are a JSON object; its arguments are given as they come. Everything else is content, word for word: text that looked like a call, a call of something that
/// was not offered, one that the end of the answer cuts off. Only marks, separators and white space beside calls are neither. How the text is cut into pieces changes
/// nothing but the pieces. Never throws. Belongs to one answer, not thread-safe.
/// </summary>
public sealed class ToolCallParser
{
    /// <summary>Calls that an answer may make; what comes after the last is content.</summary>
    public const int MaxCalls = 128;

    /// <summary>Characters held back at most, while it is open what they are: longer arguments that stand before their name than this make no call.</summary>
    public const int MaxHeld = 64 << 10;

    private readonly ToolCallFormat _format;
    private readonly IReadOnlySet<string> _names;
    private readonly Func<string> _newId;
    private readonly ParameterKinds _kinds;
    private readonly int _maxCalls;
    private readonly StringBuilder _held = new();
    private readonly OutputBuffer _output = new();
    private readonly HashSet<string> _ids = [];
    private State _state = State.Gap;
    private CallReader? _reader;
    private int _markerAt = -1;
    private int _begun;
    private bool _isAfterCall;
    private bool _isSeparated;
    private bool _isInList;

    /// <summary>Begins an answer.</summary>
    /// <param name="format">How the model writes calls.</param>
    /// <param name="names">The functions that were offered.</param>
    /// <param name="maxCalls">Calls after which the answer is to end; what comes after them is dropped. 0: as many as it makes.</param>
    /// <param name="newId">Draws the id of a call.</param>
    /// <param name="kinds">How the functions' parameters are read, of formats that write them one by one; null knows of none.</param>
    public ToolCallParser(ToolCallFormat format, IReadOnlySet<string> names, int maxCalls, Func<string> newId, ParameterKinds? kinds = null)
    {
        _format = format;
        _names = names;
        _maxCalls = maxCalls;
        _newId = newId;
        _kinds = kinds ?? new ParameterKinds();
    }

    private enum State
    {
        // Content; the marker is looked for.
        Text,

        // Before anything but white space has come, and behind calls.
        Gap,

        // Behind a marker.
        Opening,

        // Inside a call.
        Call,

        // Inside it, behind name and arguments.
        Tail,
    }

    /// <summary>Complete calls so far.</summary>
    public int Calls { get; private set; }

    /// <summary>Whether there are as many calls as there may be.</summary>
    public bool IsDone => _maxCalls > 0 && Calls >= _maxCalls;

    /// <summary>Takes more text; returns what has become certain.</summary>
    public ToolCallOutput Append(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (_state == State.Text && _held.Length == 0 && !text.Contains(_format.Marker[0], StringComparison.Ordinal))
        {
            return new ToolCallOutput(text, []);
        }

        Take(text);
        return _output.Take();
    }

    /// <summary>Ends the answer with the last of its text; returns what was held back.</summary>
    public ToolCallOutput Flush(string rest = "")
    {
        ArgumentNullException.ThrowIfNull(rest);
        Take(rest);
        if (_output.IsOpen)
        {
            _output.Withdraw();
        }
        else if (_state is not State.Tail && !(_state == State.Gap && _isAfterCall && _markerAt < 0) && !IsDone)
        {
            _output.Add(_held);
        }

        _held.Clear();
        _state = State.Text;
        return _output.Take();
    }

    private void Take(string text)
    {
        foreach (var c in text)
        {
            if (IsDone)
            {
                return;
            }

            Take(c);
        }
    }

    private void Take(char c)
    {
        switch (_state)
        {
            case State.Text:
                InText(c);
                break;
            case State.Gap:
                InGap(c);
                break;
            case State.Opening:
                Opening(c);
                break;
            default:
                InCall(c);
                break;
        }
    }

    private void InText(char c)
    {
        var marker = _format.Marker;
        if (_begun < MaxCalls && c == marker[_held.Length])
        {
            _held.Append(c);
            _state = _held.Length == marker.Length ? State.Opening : State.Text;
            return;
        }

        Release();
        if (_begun < MaxCalls && c == marker[0])
        {
            _held.Append(c);
        }
        else
        {
            _output.Add(c);
        }
    }

    private void InGap(char c)
    {
        if (_markerAt >= 0)
        {
            InMarker(c);
        }
        else if (_begun == MaxCalls || _held.Length == MaxHeld)
        {
            BackToText(c);
        }
        else if (char.IsWhiteSpace(c))
        {
            _held.Append(c);
        }
        else if (BeginsCall(c))
        {
            BeginCall();
            InCall(c);
        }
        else if (!_isAfterCall && _format is { IsBare: true, IsBracketed: true } && c == _format.BareOpen)
        {
            (_isInList, _state) = (true, State.Opening);
            _held.Append(c);
        }
        else if (_isAfterCall && !_isSeparated && c == _format.Separator)
        {
            _isSeparated = true;
            _held.Append(c);
        }
        else if (_isInList && !_isSeparated && c == ']' && _format.IsBracketed)
        {
            _isInList = false;
            _held.Clear();
        }
        else
        {
            _markerAt = _held.Length;
            InMarker(c);
        }
    }

    // The held text, from a place in it, may become the marker or the end marker.
    private void InMarker(char c)
    {
        var at = _held.Length - _markerAt;
        if (Continues(_format.Marker, at, c))
        {
            _held.Append(c);
            if (at + 1 == _format.Marker.Length)
            {
                (_markerAt, _state) = (-1, State.Opening);
            }
        }
        else if (_isInList && Continues(_format.CallOpen, at, c))
        {
            _held.Append(c);
            if (at + 1 == _format.CallOpen.Length)
            {
                _markerAt = -1;
                BeginCall(isInName: true);
            }
        }
        else if (_isAfterCall && Continues(_format.EndMarker, at, c))
        {
            _held.Append(c);
            if (at + 1 == _format.EndMarker.Length)
            {
                (_markerAt, _isInList) = (-1, false);
                _held.Clear();
            }
        }
        else
        {
            BackToText(c);
        }
    }

    // The held text agrees with this marker so far, and so does c.
    private bool Continues(string marker, int at, char c)
    {
        for (var i = 0; i < at; i++)
        {
            if (i >= marker.Length || _held[_markerAt + i] != marker[i])
            {
                return false;
            }
        }

        return at < marker.Length && c == marker[at];
    }

    private void Opening(char c)
    {
        if (char.IsWhiteSpace(c) && _held.Length < MaxHeld)
        {
            _held.Append(c);
        }
        else if (c == '[' && _format.IsBracketed && !_isInList)
        {
            _isInList = true;
            _held.Append(c);
        }
        else if (_format.IsObject ? c == '{' : _isInList || !_format.IsBracketed)
        {
            _isInList |= _format.IsList && !_format.IsBracketed;
            BeginCall();
            InCall(c);
        }
        else
        {
            BackToText(c);
        }
    }

    // Whether a call begins that no mark of its own announces: bare, or in a list.
    private bool BeginsCall(char c) => _isInList
        ? (_isSeparated || !_format.IsBracketed) && (_format.IsObject ? c == '{' : _format.Literal is not null && (char.IsAsciiLetter(c) || c == '_'))
        : _format is { IsBare: true, IsObject: true } && c == _format.BareOpen;

    private void BeginCall(bool isInName = false)
    {
        _reader = _format switch
        {
            { Parameters: { } style } => new ParameterCallReader(style, _names, _kinds, isInName),
            { Named: { } style } => new NamedCallReader(style, _names, isInName),
            { Literal: { } style } => new LiteralCallReader(style, _names),
            { IsKeyed: true } => new KeyedCallReader(_names),
            _ => new ObjectCallReader(_names, _format.NameKey),
        };
        _state = State.Call;
    }

    private void InCall(char c)
    {
        var step = _held.Length < MaxHeld ? _reader!.Next(c) : CallStep.Wrong;
        switch (step)
        {
            case CallStep.Wrong:
                BackToText(c);
                break;
            case CallStep.Head or CallStep.Tail:
                _held.Append(c);
                break;
            case CallStep.Arguments:
                Announce();
                AddArguments(c);
                break;
            case CallStep.Complete:
                Complete(c);
                break;
            default:
                EndCall();
                break;
        }
    }

    private void Announce()
    {
        if (!_output.IsOpen)
        {
            _output.Begin(_begun++, Id(), _reader!.Name!, _held.ToString());
            _held.Clear();
        }
    }

    // The id that the model writes, unless it has written it before.
    private string Id()
    {
        if (_reader!.Id is not { } written)
        {
            return _newId();
        }

        for (var number = _begun - 1; !_ids.Add(written); number++)
        {
            written = ToolCallIds.Named(_reader.Name!, number);
        }

        return written;
    }

    private void Complete(char c)
    {
        Announce();
        if (_reader!.Early is { } arguments)
        {
            _output.AddArguments(arguments);
        }
        else
        {
            AddArguments(c);
        }

        _output.End();
        Calls++;
        _state = State.Tail;
        if (_reader.HasEnded)
        {
            EndCall();
        }
    }

    private void AddArguments(char c)
    {
        if (_reader!.Written is { } written)
        {
            _output.AddArguments(written, c);
        }
        else
        {
            _output.AddArguments(c);
        }
    }

    private void EndCall()
    {
        _held.Clear();
        _reader = null;
        _state = State.Gap;
        (_isAfterCall, _isSeparated, _markerAt) = (true, false, -1);
    }

    // What is held is content after all; c may begin something else.
    private void BackToText(char c)
    {
        if (_output.IsOpen)
        {
            if (_output.Withdraw())
            {
                _begun--;
            }
        }

        Release();
        _reader = null;
        (_isInList, _isAfterCall, _isSeparated, _markerAt) = (false, false, false, -1);
        _state = State.Text;
        InText(c);
    }

    private void Release()
    {
        _output.Add(_held);
        _held.Clear();
    }
}
