namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads one JSON object (RFC 8259, without any leniency) character by character, and says at each what it was. What it has read to the end parses. Its memory is a
/// few words, however long the object is: whether it is in an object or a list is one bit a level.
/// </summary>
internal sealed class JsonScanner
{
    /// <summary>Levels of nesting; the bits of <see cref="_objects"/>.</summary>
    public const int MaxDepth = 64;

    private State _state = State.Value;
    private ulong _objects;
    private bool _isKey;
    private int _left;
    private string _word = "";

    private enum State
    {
        Value,
        FirstItem,
        FirstKey,
        Key,
        Colon,
        AfterValue,
        Text,
        Escape,
        Hexadecimal,
        Word,
        Minus,
        Zero,
        Integer,
        Point,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigits,
        Done,
    }

    /// <summary>Objects and lists that are open.</summary>
    public int Depth { get; private set; }

    /// <summary>Whether the object is whole.</summary>
    public bool HasEnded => _state == State.Done;

    /// <summary>Takes the next character. Nothing may come after <see cref="JsonPart.Wrong"/> or <see cref="JsonPart.End"/>.</summary>
    public JsonPart Next(char c) => _state switch
    {
        State.Text => InText(c),
        State.Escape => Escaped(c),
        State.Hexadecimal => Hexadecimal(c),
        State.Word => InWord(c),
        >= State.Minus and <= State.ExponentDigits => InNumber(c),
        State.Done => JsonPart.Wrong,
        _ => c is ' ' or '\t' or '\n' or '\r' ? Depth == 0 ? JsonPart.Wrong : JsonPart.Other : Between(c),
    };

    private JsonPart Between(char c) => (_state, c) switch
    {
        (State.FirstKey or State.AfterValue, '}') when IsInObject => Close(),
        (State.FirstItem or State.AfterValue, ']') when !IsInObject => Close(),
        (State.FirstKey or State.Key, '"') => Open(State.Text, isKey: true),
        (State.Colon, ':') => Become(State.Value),
        (State.AfterValue, ',') => Become(IsInObject ? State.Key : State.Value),
        (State.Value or State.FirstItem, _) => Begin(c),
        _ => JsonPart.Wrong,
    };

    private bool IsInObject => Depth > 0 && ((_objects >> (Depth - 1)) & 1) != 0;

    private JsonPart Begin(char c) => c switch
    {
        '{' => Nest(isObject: true),
        _ when Depth == 0 => JsonPart.Wrong,
        '[' => Nest(isObject: false),
        '"' => Open(State.Text, isKey: false),
        't' => Word("rue"),
        'f' => Word("alse"),
        'n' => Word("ull"),
        '-' => Open(State.Minus, isKey: false),
        '0' => Open(State.Zero, isKey: false),
        >= '1' and <= '9' => Open(State.Integer, isKey: false),
        _ => JsonPart.Wrong,
    };

    private JsonPart Nest(bool isObject)
    {
        if (Depth == MaxDepth)
        {
            return JsonPart.Wrong;
        }

        var bit = 1UL << Depth;
        _objects = isObject ? _objects | bit : _objects & ~bit;
        Depth++;
        return Open(isObject ? State.FirstKey : State.FirstItem, isKey: false);
    }

    private JsonPart Close()
    {
        Depth--;
        _state = Depth == 0 ? State.Done : State.AfterValue;
        return Depth == 0 ? JsonPart.End : JsonPart.Close;
    }

    private JsonPart Open(State state, bool isKey)
    {
        _state = state;
        _isKey = isKey;
        return isKey ? JsonPart.KeyBegin : JsonPart.ValueBegin;
    }

    private JsonPart Become(State state, JsonPart part = JsonPart.Other)
    {
        _state = state;
        return part;
    }

    private JsonPart InText(char c)
    {
        var inside = _isKey ? JsonPart.Key : JsonPart.Text;
        return c switch
        {
            '"' => Become(_isKey ? State.Colon : State.AfterValue, _isKey ? JsonPart.KeyEnd : JsonPart.TextEnd),
            '\\' => Become(State.Escape, inside),
            < ' ' => JsonPart.Wrong,
            _ => inside,
        };
    }

    private JsonPart Escaped(char c)
    {
        var inside = _isKey ? JsonPart.Key : JsonPart.Text;
        if (c == 'u')
        {
            _left = 4;
            return Become(State.Hexadecimal, inside);
        }

        return c is '"' or '\\' or '/' or 'b' or 'f' or 'n' or 'r' or 't' ? Become(State.Text, inside) : JsonPart.Wrong;
    }

    private JsonPart Hexadecimal(char c)
    {
        if (!char.IsAsciiHexDigit(c))
        {
            return JsonPart.Wrong;
        }

        return Become(--_left == 0 ? State.Text : State.Hexadecimal, _isKey ? JsonPart.Key : JsonPart.Text);
    }

    private JsonPart Word(string rest)
    {
        (_word, _left) = (rest, rest.Length);
        return Open(State.Word, isKey: false);
    }

    private JsonPart InWord(char c)
    {
        if (c != _word[^_left])
        {
            return JsonPart.Wrong;
        }

        return Become(--_left == 0 ? State.AfterValue : State.Word);
    }

    private JsonPart InNumber(char c)
    {
        var next = (_state, c) switch
        {
            (State.Minus, '0') => State.Zero,
            (State.Minus, >= '1' and <= '9') => State.Integer,
            (State.Integer, >= '0' and <= '9') => State.Integer,
            (State.Zero or State.Integer, '.') => State.Point,
            (State.Point or State.Fraction, >= '0' and <= '9') => State.Fraction,
            (State.Zero or State.Integer or State.Fraction, 'e' or 'E') => State.Exponent,
            (State.Exponent, '+' or '-') => State.ExponentSign,
            (State.Exponent or State.ExponentSign or State.ExponentDigits, >= '0' and <= '9') => State.ExponentDigits,
            (State.Zero or State.Integer or State.Fraction or State.ExponentDigits, _) => State.AfterValue,
            _ => State.Done,
        };
        if (next == State.Done)
        {
            return JsonPart.Wrong;
        }

        _state = next;
        return next == State.AfterValue ? Next(c) : JsonPart.Other;
    }
}
