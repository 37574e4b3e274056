using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>Reads a call that is an object with one member: the function's name and its arguments, <c>{"name": {…}}</c>.</summary>
internal sealed class KeyedCallReader(IReadOnlySet<string> names) : CallReader
{
    private readonly JsonScanner _json = new();
    private readonly StringBuilder _word = new();
    private bool _isComplete;

    /// <inheritdoc/>
    public override CallStep Next(char c)
    {
        var depth = _json.Depth;
        var part = _json.Next(c);
        if (part == JsonPart.Wrong || (depth == 1 && !Outer(part, c)))
        {
            return CallStep.Wrong;
        }

        if (_isComplete)
        {
            return part == JsonPart.End ? CallStep.End : CallStep.Tail;
        }

        if (part == JsonPart.End)
        {
            return CallStep.Wrong;
        }

        _isComplete = part == JsonPart.Close && _json.Depth == 1;
        return _isComplete ? CallStep.Complete : _json.Depth > 1 ? CallStep.Arguments : CallStep.Head;
    }

    // The one member, the beginning of its value included.
    private bool Outer(JsonPart part, char c)
    {
        switch (part)
        {
            case JsonPart.KeyBegin:
                return Name is null;
            case JsonPart.Key:
                _word.Append(c);
                return _word.Length <= ToolCallFormat.MaxNameLength;
            case JsonPart.KeyEnd:
                Name = _word.ToString();
                return names.Contains(Name);
            case JsonPart.ValueBegin:
                return c == '{';
            default:
                return true;
        }
    }
}
