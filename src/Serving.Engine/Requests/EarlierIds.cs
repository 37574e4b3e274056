using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>
/// What the ids of earlier calls, as a client sends them, become for the model's template. One that takes short ids gets the end of a longer one; one that takes the call's name from its id gets an id with
/// the name in it: other servers have drawn others.
/// </summary>
internal sealed class EarlierIds
{
    private readonly bool _isShort;
    private readonly Dictionary<string, string> _named = [];

    /// <summary>Looks through a conversation, which has been checked.</summary>
    public EarlierIds(JsonElement messages, ToolSupport support)
    {
        _isShort = support.Format?.HasShortIds == true;
        if (support.Format?.HasNamedIds != true)
        {
            return;
        }

        var number = 0;
        foreach (var call in messages.EnumerateArray().Where(AssistantCalls.Has).SelectMany(message => message.GetProperty("tool_calls").EnumerateArray()))
        {
            if (call.TryGetProperty("id", out var id) && id.GetString() is { } text && !text.StartsWith(NamedCallReader.IdPrefix, StringComparison.Ordinal))
            {
                _named[text] = ToolCallIds.Named(CustomTools.NameOf(call), number);
            }

            number++;
        }
    }

    /// <summary>What an id becomes.</summary>
    public string? Of(string? id) =>
        id is null ? null
        : _isShort && id.Length > ToolCallIds.ShortLength ? id[^ToolCallIds.ShortLength..]
        : _named.GetValueOrDefault(id, id);
}
