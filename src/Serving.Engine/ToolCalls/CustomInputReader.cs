using System.Globalization;
using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads the arguments of a call that has one parameter, a text, as they come: a JSON object. Gives the text, unescaped. Arguments without such a text, a model's mistake, are given as they stand
/// there, once they are whole.
/// Belongs to one call, not thread-safe.
/// </summary>
/// <param name="parameter">The parameter.</param>
public sealed class CustomInputReader(string parameter)
{
    private const string ShortLetters = "\"\\/bfnrt";
    private const string ShortEscapes = "\"\\/\b\f\n\r\t";

    private readonly JsonScanner _json = new();
    private readonly StringBuilder _raw = new();
    private readonly StringBuilder _key = new();
    private readonly StringBuilder _new = new();
    private readonly StringBuilder _hex = new();
    private State _state;
    private char _high;

    private enum State
    {
        // Another member, or between members.
        Beside,

        // In the key of a member of the object.
        Key,

        // Behind the parameter's name.
        Named,

        // In its text, behind a backslash there, in the digits of an escape.
        Text,
        Escape,
        Hexadecimal,

        // Behind it, or there is none to come.
        Done,
    }

    /// <summary>The text of whole arguments.</summary>
    public static string InputOf(string arguments, string parameter) => new CustomInputReader(parameter).Append(arguments);

    /// <summary>Takes more of the arguments.</summary>
    /// <returns>What is new of the text.</returns>
    public string Append(string arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        _new.Clear();
        foreach (var c in arguments)
        {
            if (_state == State.Done)
            {
                break;
            }

            Take(c);
        }

        return _new.ToString();
    }

    private void Take(char c)
    {
        var part = _json.Next(c);
        if (_state is State.Beside or State.Key or State.Named)
        {
            _raw.Append(c);
        }

        switch (part)
        {
            case JsonPart.Wrong:
                _state = State.Done;
                break;
            case JsonPart.KeyBegin when _json.Depth == 1:
                _key.Clear();
                _state = State.Key;
                break;
            case JsonPart.Key when _state == State.Key:
                _key.Append(c);
                break;
            case JsonPart.KeyEnd when _state == State.Key:
                _state = _key.ToString() == parameter ? State.Named : State.Beside;
                break;
            case JsonPart.ValueBegin when _state == State.Named:
                _state = c == '"' ? State.Text : State.Beside;
                break;
            case JsonPart.Text when _state >= State.Text:
                InText(c);
                break;
            case JsonPart.TextEnd when _state == State.Text:
                GiveHigh();
                _state = State.Done;
                break;
            case JsonPart.End:
                _new.Append(_raw);
                _state = State.Done;
                break;
        }
    }

    private void InText(char c)
    {
        switch (_state)
        {
            case State.Text when c == '\\':
                _state = State.Escape;
                break;
            case State.Escape when c == 'u':
                _hex.Clear();
                _state = State.Hexadecimal;
                break;
            case State.Escape:
                Give(ShortEscapes[ShortLetters.IndexOf(c, StringComparison.Ordinal)]);
                _state = State.Text;
                break;
            case State.Hexadecimal when _hex.Append(c).Length == 4:
                Give((char)ushort.Parse(_hex.ToString(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                _state = State.Text;
                break;
            case State.Text:
                Give(c);
                break;
        }
    }

    // Halves of a character go together, or are none.
    private void Give(char c)
    {
        if (char.IsLowSurrogate(c) && _high != 0)
        {
            _new.Append(_high).Append(c);
            _high = default;
            return;
        }

        GiveHigh();
        if (char.IsHighSurrogate(c))
        {
            _high = c;
        }
        else
        {
            _new.Append(char.IsLowSurrogate(c) ? (char)Rune.ReplacementChar.Value : c);
        }
    }

    private void GiveHigh()
    {
        if (_high != 0)
        {
            _new.Append((char)Rune.ReplacementChar.Value);
            _high = default;
        }
    }
}
