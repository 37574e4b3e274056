using System.Text;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>Thoughts, content and calls of one choice, put together from its events. A call that is withdrawn is content.</summary>
internal sealed class GatheredAnswer
{
    private readonly StringBuilder _reasoning = new();
    private readonly StringBuilder _text = new();
    private readonly List<GatheredCall> _calls = [];

    /// <summary>The thoughts so far.</summary>
    public string Reasoning => _reasoning.ToString();

    /// <summary>The content so far.</summary>
    public string Text => _text.ToString();

    /// <summary>The calls so far: id, function's name, arguments.</summary>
    public IEnumerable<(string Id, string Name, string Arguments)> Calls => _calls.Select(call => (call.Id, call.Name, call.Arguments.ToString()));

    /// <summary>Takes in an event.</summary>
    public void Add(GenerationEvent happened)
    {
        foreach (var delta in happened.ToolCalls)
        {
            if (delta.Name is not null)
            {
                _calls.Add(new GatheredCall(delta.Id!, delta.Name, new StringBuilder()));
            }

            var call = _calls[^1];
            call.Arguments.Append(delta.Arguments);
            if (delta.Withdrawn is not null)
            {
                _calls.RemoveAt(_calls.Count - 1);
                _text.Append(delta.Withdrawn).Append(delta.IsWhole ? "" : call.Arguments);
            }
        }

        _reasoning.Append(happened.Reasoning);
        _text.Append(happened.Text);
    }

    private sealed record GatheredCall(string Id, string Name, StringBuilder Arguments);
}
