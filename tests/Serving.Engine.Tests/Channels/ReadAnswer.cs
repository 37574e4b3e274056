using System.Text;
using Serving.Engine.Channels;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.Channels;

/// <summary>An answer put together from what a parser of channels gives.</summary>
internal sealed class ReadAnswer
{
    private readonly StringBuilder _thoughts = new();
    private readonly StringBuilder _content = new();
    private readonly List<(string Name, StringBuilder Arguments)> _calls = [];

    /// <summary>The thoughts.</summary>
    public string Thoughts => _thoughts.ToString();

    /// <summary>The content.</summary>
    public string Content => _content.ToString();

    /// <summary>The calls, as "name arguments".</summary>
    public IReadOnlyList<string> Calls => [.. _calls.Select(call => $"{call.Name} {call.Arguments}")];

    /// <summary>Their arguments.</summary>
    public IEnumerable<string> Arguments => _calls.Select(call => call.Arguments.ToString());

    /// <summary>Reads a text cut into pieces.</summary>
    public static ReadAnswer Of(IEnumerable<string> pieces, string mark = "", bool isThinking = false, int maxCalls = 0)
    {
        var (answer, drawn) = (new ReadAnswer(), 0);
        var parser = new ChannelParser(mark, isThinking, new HashSet<string> { "f", "get_weather" }, maxCalls, () => $"id{drawn++}");
        foreach (var piece in pieces)
        {
            answer.Add(parser.Append(piece));
        }

        answer.Add(parser.Flush());
        Assert.Equal(parser.Calls, answer._calls.Count);
        return answer;
    }

    /// <summary>Asserts that a text comes to the same however it is cut: whole, in single characters, in two.</summary>
    public static ReadAnswer OfEveryCut(string text, string mark = "", bool isThinking = false, int maxCalls = 0)
    {
        var whole = Of([text], mark, isThinking, maxCalls);
        whole.AssertSame(Of(text.Select(c => c.ToString()), mark, isThinking, maxCalls), text);
        for (var cut = 1; cut < text.Length; cut++)
        {
            whole.AssertSame(Of([text[..cut], text[cut..]], mark, isThinking, maxCalls), text);
        }

        return whole;
    }

    /// <summary>Asserts that another reading came to the same.</summary>
    public void AssertSame(ReadAnswer other, string note) =>
        Assert.True(Thoughts == other.Thoughts && Content == other.Content && Calls.SequenceEqual(other.Calls), note);

    private void Add(ChannelOutput output)
    {
        foreach (var delta in output.Calls)
        {
            if (delta.Name is not null)
            {
                _calls.Add((delta.Name, new StringBuilder()));
            }

            _calls[^1].Arguments.Append(delta.Arguments);
            if (delta.Withdrawn is { } head)
            {
                _content.Append(head).Append(_calls[^1].Arguments);
                _calls.RemoveAt(_calls.Count - 1);
            }
        }

        _thoughts.Append(output.Thoughts);
        _content.Append(output.Text);
    }
}
