using System.Text;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Channels;

/// <summary>The header of a message while it comes: role, channel, whom it is for. The latter may stand beside the role or beside the channel.</summary>
internal sealed class MessageHeader
{
    /// <summary>Characters at most: a channel, a function's name and some words beside them. Longer is no header.</summary>
    public const int MaxLength = 256;

    private readonly StringBuilder _role = new();
    private readonly StringBuilder _channel = new();
    private readonly StringBuilder _type = new();
    private StringBuilder _part;

    /// <summary>Creates an empty header.</summary>
    public MessageHeader() => _part = _role;

    /// <summary>Whether it holds a mark.</summary>
    public bool HasMarks { get; private set; }

    /// <summary>Whether there is no room for another character.</summary>
    public bool IsFull => _role.Length + _channel.Length + _type.Length == MaxLength;

    /// <summary>The channel; empty where none is said.</summary>
    public string Channel => Words(_channel).FirstOrDefault() ?? "";

    /// <summary>The function that the message calls; null where it is for somebody else.</summary>
    public string? Function =>
        Words(_channel).Concat(Words(_role)).FirstOrDefault(static word => word.StartsWith(HarmonyText.Recipient + HarmonyText.Function, StringComparison.Ordinal))?[(HarmonyText.Recipient + HarmonyText.Function).Length..];

    /// <summary>The text of a header without marks that is none: what a model writes that does not keep to the format.</summary>
    public string Stray => HasMarks || string.IsNullOrWhiteSpace(_role.ToString()) || _role.ToString().TrimStart().StartsWith(HarmonyText.Recipient, StringComparison.Ordinal) ? "" : _role.ToString();

    /// <summary>Takes a character.</summary>
    public void Add(char c) => _part.Append(c);

    /// <summary>Takes a mark of a header.</summary>
    public void Add(HarmonyMark mark)
    {
        HasMarks = true;
        _part = mark switch { HarmonyMark.Channel => _channel, HarmonyMark.Constrain => _type, _ => _role };
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _role.Clear();
        _channel.Clear();
        _type.Clear();
        _part = _role;
        HasMarks = false;
    }

    private static string[] Words(StringBuilder text) => text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
