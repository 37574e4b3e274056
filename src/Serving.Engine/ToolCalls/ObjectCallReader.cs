using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Reads the object that a call is, character by character: a name that is among those offered, an object of arguments, in any order, and an id or a type, which are
/// not looked at. Any other key, and any key twice, and it is no call: so a JSON answer is not held back for long.
/// </summary>
/// <param name="names">The functions that were offered.</param>
/// <param name="nameKey">The key of the name.</param>
internal sealed class ObjectCallReader(IReadOnlySet<string> names, string nameKey) : CallReader
{
    private readonly JsonScanner _json = new();
    private readonly StringBuilder _word = new();
    private StringBuilder? _early;
    private CallMember _member;
    private CallMember _seen;
    private bool _isComplete;

    [Flags]
    private enum CallMember
    {
        None = 0,
        Name = 1,
        Arguments = 2,
        Id = 4,
        Type = 8,
    }

    /// <inheritdoc/>
    public override string? Early => _early?.ToString();

    /// <inheritdoc/>
    public override CallStep Next(char c)
    {
        var depth = _json.Depth;
        var part = _json.Next(c);
        if (part == JsonPart.Wrong || (depth <= 1 && !Outer(part, depth, c)))
        {
            return CallStep.Wrong;
        }

        if (_isComplete)
        {
            return part == JsonPart.End ? CallStep.End : CallStep.Tail;
        }

        if (_member == CallMember.Arguments && (_json.Depth > 1 || part == JsonPart.Close))
        {
            return InArguments(c, part == JsonPart.Close && _json.Depth == 1);
        }

        if (part == JsonPart.TextEnd && _early is not null && Name is not null)
        {
            return Completed();
        }

        return part == JsonPart.End ? CallStep.Wrong : CallStep.Head;
    }

    private CallStep Completed()
    {
        _isComplete = true;
        return CallStep.Complete;
    }

    private CallStep InArguments(char c, bool isEnd)
    {
        if (Name is null)
        {
            (_early ??= new StringBuilder()).Append(c);
            return CallStep.Head;
        }

        return isEnd ? Completed() : CallStep.Arguments;
    }

    // Keys and values of the call's own object, the beginning of a nested one included.
    private bool Outer(JsonPart part, int depth, char c)
    {
        switch (part)
        {
            case JsonPart.KeyBegin:
                _word.Clear();
                return true;
            case JsonPart.Key:
            case JsonPart.Text when _member == CallMember.Name:
                _word.Append(c);
                return _word.Length <= ToolCallFormat.MaxNameLength;
            case JsonPart.KeyEnd:
                return Begin(MemberOf(_word.ToString()));
            case JsonPart.ValueBegin when depth == 1:
                _word.Clear();
                return _member switch { CallMember.Name => c == '"', CallMember.Arguments => c == '{', _ => true };
            case JsonPart.TextEnd when _member == CallMember.Name:
                Name = _word.ToString();
                return names.Contains(Name);
            default:
                return true;
        }
    }

    private bool Begin(CallMember member)
    {
        if (member == CallMember.None || (_seen & member) != 0)
        {
            return false;
        }

        _member = member;
        _seen |= member;
        return true;
    }

    private CallMember MemberOf(string key) => key switch
    {
        _ when key == nameKey => CallMember.Name,
        "arguments" or "parameters" => CallMember.Arguments,
        "id" or "tool_call_id" => CallMember.Id,
        "type" => CallMember.Type,
        _ => CallMember.None,
    };
}
