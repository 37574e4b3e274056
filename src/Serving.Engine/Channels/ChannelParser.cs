using System.Text;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Channels;

/// <summary>
/// Reads answers in OpenAI's harmony format, which are messages in channels: thoughts in "analysis", content in "final" and in "commentary" (what is said to the user before a call), and calls in messages
/// that are for a function. A call names a function that was offered, and its content is a JSON object; otherwise the content of its message is content. Messages of one kind are put together with an empty
/// line between them; marks and headers are nothing. How the text is cut into pieces changes nothing but the pieces. Never throws. Belongs to one answer, not thread-safe.
/// </summary>
public sealed class ChannelParser
{
    private const string Separator = "\n\n";

    private readonly IReadOnlySet<string> _names;
    private readonly int _maxCalls;
    private readonly Func<string> _newId;
    private readonly MarkScanner _marks;
    private readonly MessageHeader _header = new();
    private readonly StringBuilder _plain = new();
    private readonly StringBuilder _thoughts = new();
    private readonly OutputBuffer _output = new();
    private JsonScanner _json = new();
    private State _state;
    private string _function = "";
    private int _begun;
    private bool _hasThoughts;
    private bool _hasText;
    private bool _isFirst;
    private bool _isEnded;

    /// <summary>Begins an answer.</summary>
    /// <param name="mark">What stands before every mark of the format in the text; may be empty.</param>
    /// <param name="isThinking">Whether the prompt has opened a message with thoughts; else the answer begins in a header.</param>
    /// <param name="names">The functions that were offered.</param>
    /// <param name="maxCalls">Calls after which the answer is to end; what comes after them is dropped. 0: as many as it makes.</param>
    /// <param name="newId">Draws the id of a call.</param>
    public ChannelParser(string mark, bool isThinking, IReadOnlySet<string> names, int maxCalls, Func<string> newId)
    {
        _marks = new MarkScanner(mark);
        _names = names;
        _maxCalls = maxCalls;
        _newId = newId;
        _state = isThinking ? State.Thoughts : State.Header;
    }

    private enum State
    {
        // In a header, or between messages.
        Header,
        Thoughts,
        Content,

        // In a message for a function, before its object, inside it, behind it.
        Before,
        Arguments,
        Behind,
    }

    /// <summary>Whether the text is in thoughts.</summary>
    public bool IsThinking => _state == State.Thoughts;

    /// <summary>Whether it is in a header: nobody knows yet what follows.</summary>
    public bool IsUndecided => _state == State.Header;

    /// <summary>Complete calls so far.</summary>
    public int Calls { get; private set; }

    /// <summary>Whether the answer has ended: with the mark behind a call, or with as many calls as there may be.</summary>
    public bool IsDone => _isEnded || (_maxCalls > 0 && Calls >= _maxCalls);

    /// <summary>Takes more text; returns what has become certain.</summary>
    public ChannelOutput Append(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        foreach (var c in text)
        {
            if (IsDone)
            {
                break;
            }

            Take(c);
        }

        return Give();
    }

    /// <summary>Ends the answer with the last of its text; returns what was held back.</summary>
    public ChannelOutput Flush(string rest = "")
    {
        ArgumentNullException.ThrowIfNull(rest);
        var certain = Append(rest);
        if (!IsDone)
        {
            _plain.Clear();
            _marks.Flush(_plain);
            TakePlain();
            EndMessage();
        }

        var held = Give();
        return new ChannelOutput(certain.Thoughts + held.Thoughts, certain.Text + held.Text, [.. certain.Calls, .. held.Calls]);
    }

    private void Take(char c)
    {
        _plain.Clear();
        var mark = _marks.Next(c, _plain);
        TakePlain();
        if (mark is { } found)
        {
            Take(found);
        }
    }

    private void TakePlain()
    {
        for (var i = 0; i < _plain.Length && !IsDone; i++)
        {
            TakeText(_plain[i]);
        }
    }

    private void TakeText(char c)
    {
        switch (_state)
        {
            case State.Header when _header.IsFull:
                var stray = _header.Stray;
                BeginContent();
                AddText(stray);
                AddText(c);
                break;
            case State.Header:
                _header.Add(c);
                break;
            case State.Thoughts:
                AddThought(c);
                break;
            case State.Content:
                AddText(c);
                break;
            case State.Arguments:
                InArguments(c);
                break;
            case State.Before when c == '{' && _begun < ToolCallParser.MaxCalls:
                _output.Begin(_begun++, _newId(), _function, "");
                _json = new JsonScanner();
                _state = State.Arguments;
                InArguments(c);
                break;
            default:
                BesideArguments(c);
                break;
        }
    }

    private void Take(HarmonyMark mark)
    {
        if (_state == State.Header && mark is HarmonyMark.Channel or HarmonyMark.Constrain)
        {
            _header.Add(mark);
        }
        else if (_state == State.Header && mark == HarmonyMark.Message)
        {
            BeginMessage();
        }
        else if (mark is not (HarmonyMark.Constrain or HarmonyMark.Message))
        {
            // A model that forgets the mark behind a message begins the next one all the same.
            _isEnded = mark == HarmonyMark.Call && _state == State.Behind;
            EndMessage();
            if (mark is HarmonyMark.Start or HarmonyMark.Channel)
            {
                _header.Add(mark);
            }
        }
    }

    private void BeginMessage()
    {
        if (_header.Function is { } function && _names.Contains(function))
        {
            (_function, _state) = (function, State.Before);
        }
        else if (_header.Channel == HarmonyText.Analysis)
        {
            (_isFirst, _state) = (_hasThoughts, State.Thoughts);
        }
        else
        {
            BeginContent();
        }

        _header.Clear();
    }

    private void BeginContent() => (_isFirst, _state) = (_hasText, State.Content);

    private void EndMessage()
    {
        if (_state == State.Header && _header.Stray is { Length: > 0 } stray)
        {
            BeginContent();
            AddText(stray);
        }

        if (_output.IsOpen)
        {
            Withdraw();
        }

        _header.Clear();
        _state = State.Header;
    }

    private void InArguments(char c)
    {
        var part = _json.Next(c);
        if (part == JsonPart.Wrong)
        {
            Withdraw();
            AddText(c);
            return;
        }

        _output.AddArguments(c);
        if (part == JsonPart.End)
        {
            _output.End();
            Calls++;
            _state = State.Behind;
        }
    }

    // White space beside an object is nothing, anything else no part of a call.
    private void BesideArguments(char c)
    {
        if (!char.IsWhiteSpace(c))
        {
            BeginContent();
            AddText(c);
        }
    }

    private void Withdraw()
    {
        if (_output.Withdraw())
        {
            _begun--;
        }

        (_hasText, _isFirst, _state) = (true, false, State.Content);
    }

    private void AddThought(char c)
    {
        _thoughts.Append(_isFirst ? Separator : "").Append(c);
        (_hasThoughts, _isFirst) = (true, false);
    }

    private void AddText(string text)
    {
        foreach (var c in text)
        {
            AddText(c);
        }
    }

    private void AddText(char c)
    {
        foreach (var separating in _isFirst ? Separator : "")
        {
            _output.Add(separating);
        }

        _output.Add(c);
        (_hasText, _isFirst) = (true, false);
    }

    private ChannelOutput Give()
    {
        var (text, calls) = _output.Take();
        var thoughts = _thoughts.ToString();
        _thoughts.Clear();
        return new ChannelOutput(thoughts, text, calls);
    }
}
