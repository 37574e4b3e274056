using System.Text;
using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads arguments in a <see cref="LiteralStyle"/> behind their opening, character by character, and writes them as a JSON object: texts as they come, numbers and words when they are whole. Words are Python's
/// and JSON's; a comma may stand behind the last item.
/// </summary>
internal sealed class LiteralArguments(LiteralStyle style)
{
    /// <summary>Characters of a number or word at most.</summary>
    private const int MaxWord = 64;

    private readonly StringBuilder _written = new();
    private readonly StringBuilder _key = new();
    private readonly StringBuilder _word = new();
    private readonly HashSet<string> _keys = [];
    private readonly Stack<Level> _levels = new([new Level(LevelKind.Arguments, style.Close)]);
    private LiteralText? _text;
    private State _state = State.Key;

    private enum LevelKind
    {
        Arguments,
        Object,
        List,
    }

    private enum State
    {
        // Before a key, or the end.
        Key,
        BareKey,
        TextKey,
        BehindKey,

        // Before a value, or the end of a list.
        Value,
        Text,
        Word,
        BehindValue,
    }

    /// <summary>What the last character added.</summary>
    public string Written => _written.ToString();

    /// <summary>Whether anything has been written.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Whether the arguments are whole.</summary>
    public bool HasEnded => _levels.Count == 0;

    /// <summary>Takes a character.</summary>
    /// <returns>Whether these can be arguments still.</returns>
    public bool Take(char c)
    {
        _written.Clear();
        return Next(c);
    }

    private bool Next(char c) => _state switch
    {
        State.BareKey => InBareKey(c),
        State.TextKey or State.Text => InText(c),
        State.Word => InWord(c),
        _ => char.IsWhiteSpace(c) || Between(c),
    };

    private bool Between(char c) => _state switch
    {
        State.Key => c == _levels.Peek().Close ? Close() : BeginKey(c),
        State.BehindKey => EndKey(c),
        State.Value => Value(c),
        _ => c == _levels.Peek().Close ? Close() : c == ',' && Become(_levels.Peek().Kind == LevelKind.List ? State.Value : State.Key),
    };

    private bool BeginKey(char c)
    {
        _key.Clear();
        var isBare = _levels.Peek().Kind == LevelKind.Arguments || style.TextMark.Length > 0;
        return isBare && style.IsOfKey(c) ? Become(State.BareKey) && InBareKey(c)
            : _levels.Peek().Kind != LevelKind.Arguments && BeginText(c, State.TextKey);
    }

    private bool InBareKey(char c)
    {
        if (style.IsOfKey(c))
        {
            _key.Append(c == '\\' ? "\\\\" : c);
            return _key.Length <= ParameterCallReader.MaxKeyLength;
        }

        return Become(State.BehindKey) && Next(c);
    }

    private bool EndKey(char c)
    {
        var level = _levels.Peek();
        if (c != (level.Kind == LevelKind.Arguments ? style.KeyClose : ':') || (level.Kind == LevelKind.Arguments && !_keys.Add(_key.ToString())))
        {
            return false;
        }

        _written.Append(HasBegun ? level.Next() : "{").Append('"').Append(_key).Append("\": ");
        level.HasItems = HasBegun = true;
        return Become(State.Value);
    }

    private bool Value(char c)
    {
        var level = _levels.Peek();
        if (level.Kind == LevelKind.List)
        {
            if (c == level.Close)
            {
                return Close();
            }

            _written.Append(level.Next());
            level.HasItems = true;
        }

        return c switch
        {
            '[' => Open(LevelKind.List, '[', ']') && Become(State.Value),
            '{' => Open(LevelKind.Object, '{', '}') && Become(State.Key),
            _ when IsOfWord(c) => Become(State.Word) && InWord(c),
            _ => BeginText(c, State.Text),
        };
    }

    private bool BeginText(char c, State state)
    {
        _text = LiteralText.Begin(c, style);
        if (state == State.Text)
        {
            _written.Append('"');
        }

        return _text is not null && Become(state);
    }

    private bool InText(char c)
    {
        var isRight = _text!.Take(c);
        (_state == State.TextKey ? _key : _written).Append(_text.Written);
        if (_text.HasEnded)
        {
            _written.Append(_state == State.Text ? "\"" : "");
            _state = _state == State.Text ? State.BehindValue : State.BehindKey;
        }

        return isRight && _key.Length <= ParameterCallReader.MaxKeyLength;
    }

    private static bool IsOfWord(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '+' or '.';

    private bool InWord(char c)
    {
        if (IsOfWord(c))
        {
            _word.Append(c);
            return _word.Length <= MaxWord;
        }

        var value = Meant(_word.ToString());
        _word.Clear();
        _written.Append(value);
        return value is not null && Become(State.BehindValue) && Next(c);
    }

    private static string? Meant(string word) => word switch
    {
        "True" or "true" => "true",
        "False" or "false" => "false",
        "None" or "null" => "null",
        _ => IsNumber(word) ? word : null,
    };

    private static bool IsNumber(string word)
    {
        var reader = new Utf8JsonReader(Encoding.ASCII.GetBytes(word));
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.Number && reader.BytesConsumed == word.Length;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private bool Open(LevelKind kind, char open, char close)
    {
        _written.Append(open);
        _levels.Push(new Level(kind, close));
        return _levels.Count < JsonScanner.MaxDepth;
    }

    private bool Close()
    {
        var kind = _levels.Pop().Kind;
        _written.Append(kind == LevelKind.List ? "]" : kind == LevelKind.Arguments && !HasBegun ? "{}" : "}");
        return Become(State.BehindValue);
    }

    private bool Become(State state)
    {
        _state = state;
        return true;
    }

    private sealed class Level(LevelKind kind, char close)
    {
        public LevelKind Kind { get; } = kind;

        public char Close { get; } = close;

        public bool HasItems { get; set; }

        public string Next() => HasItems ? ", " : "";
    }
}
