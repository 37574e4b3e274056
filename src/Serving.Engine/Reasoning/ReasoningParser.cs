using System.Text;

namespace Serving.Engine.Reasoning;

/// <summary>
/// Tells thoughts from what is behind them, in an answer that comes in pieces. Thoughts stand at the beginning, once, in the marks of a <see cref="ReasoningFormat"/>; what
/// is never closed is thoughts to the end. Marks and the white space beside them are neither. How the text is cut into pieces changes nothing but the pieces. Never throws.
/// Belongs to one answer, not thread-safe.
/// </summary>
public sealed class ReasoningParser
{
    private readonly ReasoningFormat _format;
    private readonly HeldMark _held = new();
    private readonly StringBuilder _thoughts = new();
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _dropped = new();
    private readonly bool _isOpened;
    private State _state;
    private bool _isLeading;
    private bool _isAnswerMarked;

    /// <summary>Begins an answer.</summary>
    /// <param name="format">How the model marks thoughts.</param>
    /// <param name="start">Where the answer begins.</param>
    public ReasoningParser(ReasoningFormat format, ReasoningStart start)
    {
        _format = format;
        _isOpened = start == ReasoningStart.Thoughts;
        HasThoughts = _isOpened;
        _state = start != ReasoningStart.Answer ? State.Before : format.MarksEveryAnswer ? State.Behind : State.Answer;
    }

    private enum State
    {
        // Nothing but white space, or a part of the opening mark; behind a prompt that has opened thoughts a model may do so again.
        Before,
        Thoughts,

        // Behind the closing mark, before anything but white space.
        Behind,
        Answer,

        // Behind the mark that closes the answer.
        End,
    }

    /// <summary>Whether there are thoughts, or were.</summary>
    public bool HasThoughts { get; private set; }

    /// <summary>Whether it is known where the answer proper begins: there are no thoughts any more.</summary>
    public bool IsBehindThoughts => _state >= State.Behind;

    /// <summary>Takes more text; returns what has become certain.</summary>
    public ReasoningOutput Append(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (_state == State.Answer && !_isAnswerMarked)
        {
            return new ReasoningOutput("", text);
        }

        Take(text);
        return Give();
    }

    /// <summary>Ends the answer with the last of its text; returns what was held back.</summary>
    public ReasoningOutput Flush(string rest = "")
    {
        ArgumentNullException.ThrowIfNull(rest);
        Take(rest);
        var held = _held.Take();
        switch (_state)
        {
            case State.Before or State.Thoughts when HasThoughts:
                _thoughts.Append(_isLeading || _state == State.Before ? held.TrimStart() : held);
                break;
            case State.Before or State.Answer:
                _text.Append(held);
                break;
            case State.Behind:
                _text.Append(held.TrimStart());
                break;
        }

        _state = State.Answer;
        _isAnswerMarked = false;
        return Give();
    }

    private void Take(string text)
    {
        foreach (var c in text)
        {
            Take(c);
        }
    }

    private void Take(char c)
    {
        switch (_state)
        {
            case State.Before:
                Before(c);
                break;
            case State.Thoughts:
                InThoughts(c);
                break;
            case State.Behind:
                Behind(c);
                break;
            case State.Answer:
                InAnswer(c);
                break;
            default:
                AtEnd(c);
                break;
        }
    }

    private void Before(char c)
    {
        switch (_held.Next(c, _format.Open))
        {
            case true:
                _held.Take();
                BeginThoughts();
                break;
            case null:
                var held = _held.Take();
                if (_isOpened)
                {
                    BeginThoughts();
                }
                else
                {
                    _state = _format.MarksEveryAnswer ? State.Behind : State.Answer;
                }

                Take(held);
                Take(c);
                break;
        }
    }

    private void BeginThoughts()
    {
        HasThoughts = true;
        _isLeading = true;
        _state = State.Thoughts;
    }

    private void InThoughts(char c)
    {
        if (_isLeading && _held.IsEmpty && char.IsWhiteSpace(c))
        {
            return;
        }

        if (Held(c, _format.Close, _thoughts))
        {
            _state = State.Behind;
        }
    }

    private void Behind(char c)
    {
        if (_isAnswerMarked || _format.OpenAnswer.Length == 0)
        {
            if (!char.IsWhiteSpace(c))
            {
                _state = State.Answer;
                InAnswer(c);
            }

            return;
        }

        switch (_held.Next(c, _format.OpenAnswer))
        {
            case true:
                _held.Take();
                _isAnswerMarked = true;
                break;
            case null:
                _state = State.Answer;
                _text.Append(_held.Take().TrimStart());
                Take(c);
                break;
        }
    }

    private void InAnswer(char c)
    {
        if (!_isAnswerMarked)
        {
            _text.Append(c);
        }
        else if (Held(c, _format.CloseAnswer, _text))
        {
            _state = State.End;
        }
    }

    // A mark in the middle of the answer is text after all.
    private void AtEnd(char c)
    {
        if (char.IsWhiteSpace(c) && _dropped.Length < 2 * HeldMark.MaxSpace)
        {
            _dropped.Append(c);
            return;
        }

        _text.Append(_dropped);
        _state = State.Answer;
        InAnswer(c);
    }

    // Takes a character of a text that a mark ends; returns whether the mark is complete, which is gone then.
    private bool Held(char c, string mark, StringBuilder text)
    {
        if (_held.Next(c, mark) is not { } isComplete)
        {
            text.Append(_held.Take());
            _isLeading = false;
            if (_held.Next(c, mark) is null)
            {
                text.Append(c);
            }

            return false;
        }

        if (isComplete)
        {
            _dropped.Clear().Append(_held.Take());
        }

        return isComplete;
    }

    private ReasoningOutput Give()
    {
        var output = new ReasoningOutput(_thoughts.ToString(), _text.ToString());
        _thoughts.Clear();
        _text.Clear();
        return output;
    }
}
