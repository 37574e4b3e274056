using System.Text;
using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads one parameter's value up to its closing mark, and writes it as JSON: a text as it comes; what may be JSON when it is whole. In the strings of a value that is JSON so far the closing mark is not
/// looked for.
/// </summary>
internal sealed class ParameterValue(ParameterStyle style, ParameterKind kind)
{
    /// <summary>The text that is null where a text may be null.</summary>
    public const string Null = "null";

    private readonly StringBuilder _written = new();
    private readonly StringBuilder _whole = new();
    private JsonScanner? _json = kind == ParameterKind.Json ? Beginning() : null;
    private bool _isInString;
    private bool _isFirst = true;
    private bool _hasBreak;
    private bool _isOpen;
    private int _at;

    /// <summary>What the last character added.</summary>
    public string Written => _written.ToString();

    /// <summary>Whether the closing mark has come.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Takes a character.</summary>
    /// <returns>Whether it can be a value still.</returns>
    public bool Take(char c)
    {
        _written.Clear();
        if (_isFirst && style.IsPadded && c == '\n')
        {
            _isFirst = false;
            return true;
        }

        _isFirst = false;
        if (!_isInString && c == style.ValueClose[_at])
        {
            if (++_at == style.ValueClose.Length)
            {
                End();
            }

            return true;
        }

        return Release() && Plain(c);
    }

    private static JsonScanner Beginning()
    {
        var json = new JsonScanner();
        foreach (var c in "{\"\":")
        {
            json.Next(c);
        }

        return json;
    }

    // The beginning of a closing mark is text after all, and so is the line break before it.
    private bool Release()
    {
        var held = (_hasBreak ? "\n" : "") + style.ValueClose[.._at];
        (_hasBreak, _at) = (false, 0);
        return held.All(Add);
    }

    private bool Plain(char c)
    {
        if (!_isInString && c == style.ValueClose[0])
        {
            _at = 1;
            return true;
        }

        // No string of JSON has a line break in it.
        if (c == '\n' && _isInString && !Follow(c))
        {
            return false;
        }

        _hasBreak = style.IsPadded && c == '\n';
        return _hasBreak || Add(c);
    }

    private bool Add(char c)
    {
        if (kind == ParameterKind.Text || _isOpen)
        {
            Write(c.ToString());
            return true;
        }

        _whole.Append(c);
        if (kind == ParameterKind.TextOrNull)
        {
            if (!Null.StartsWith(_whole.ToString(), StringComparison.Ordinal))
            {
                Write(_whole.ToString());
            }

            return true;
        }

        return Follow(c) && _whole.Length < ToolCallParser.MaxHeld;
    }

    // A value that turns out to be no JSON has ended before, if a closing mark was passed over in what looked like a string.
    private bool Follow(char c)
    {
        switch (_json?.Next(c))
        {
            case null:
                return true;
            case JsonPart.KeyBegin:
            case JsonPart.ValueBegin when c == '"':
                _isInString = true;
                return true;
            case JsonPart.KeyEnd or JsonPart.TextEnd:
                _isInString = false;
                return true;
            case JsonPart.Wrong or JsonPart.End:
                (_json, _isInString) = (null, false);
                return !_whole.ToString().Contains(style.ValueClose, StringComparison.Ordinal);
            default:
                return true;
        }
    }

    private void Write(string text)
    {
        _written.Append(_isOpen ? "" : "\"").Append(WrittenStrings.Quote(text).AsSpan()[1..^1]);
        _isOpen = true;
    }

    private void End()
    {
        HasEnded = true;
        if (_isOpen)
        {
            _written.Append('"');
        }
        else
        {
            _written.Append(Whole(_whole.ToString()));
        }
    }

    private string Whole(string text) => kind switch
    {
        ParameterKind.Text => WrittenStrings.Quote(text),
        ParameterKind.TextOrNull => text == Null ? Null : WrittenStrings.Quote(text),
        _ => text.Trim() switch
        {
            // Templates that write values in Python's words teach them.
            "True" => "true",
            "False" => "false",
            "None" => Null,
            var value => IsJson(value) ? value : WrittenStrings.Quote(text),
        },
    };

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = JsonScanner.MaxDepth - 1 });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
