using System.Text;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>An answer put together from what a parser gives: what a whole answer holds, and what a stream has sent.</summary>
internal sealed class Answer
{
    private readonly StringBuilder _content = new();
    private readonly StringBuilder _sent = new();
    private readonly List<(int Index, string Id, string Name, StringBuilder Arguments)> _calls = [];

    /// <summary>The content.</summary>
    public string Content => _content.ToString();

    /// <summary>The calls, as "name arguments".</summary>
    public IReadOnlyList<string> Calls => [.. _calls.Select(call => $"{call.Name} {call.Arguments}")];

    /// <summary>Arguments alone.</summary>
    public IEnumerable<string> Arguments => _calls.Select(call => call.Arguments.ToString());

    /// <summary>Content that a stream has sent.</summary>
    public string Sent => _sent.ToString();

    /// <summary>The ids of the calls.</summary>
    public IReadOnlyList<string> Ids => [.. _calls.Select(call => call.Id)];

    /// <summary>Reads a text cut into pieces.</summary>
    public static Answer Of(ToolCallFormat format, IEnumerable<string> pieces, ParameterKinds? kinds = null, int maxCalls = 0)
    {
        var (answer, drawn) = (new Answer(), 0);
        var parser = new ToolCallParser(format, new HashSet<string> { "f", "get_weather" }, maxCalls, () => $"id{drawn++}", kinds);
        foreach (var piece in pieces)
        {
            answer.Add(parser.Append(piece));
        }

        answer.Add(parser.Flush());
        Assert.Equal(parser.Calls, answer._calls.Count);
        return answer;
    }

    /// <summary>Whether a text is read as content and calls, in pieces of one character and cut into two at every place.</summary>
    public static void Check(ToolCallFormat format, string text, string content, string[] calls, ParameterKinds? kinds = null)
    {
        for (var cut = 0; cut <= text.Length; cut++)
        {
            var answer = Of(format, cut == 0 ? Characters(text) : [text[..cut], text[cut..]], kinds);
            Assert.Equal(calls, answer.Calls);
            Assert.Equal(content, answer.Content);
        }
    }

    /// <summary>Pieces of a few characters each.</summary>
    public static IEnumerable<string> Cut(string text, Random random)
    {
        for (var at = 0; at < text.Length;)
        {
            var piece = text.Substring(at, Math.Min(random.Next(1, 9), text.Length - at));
            at += piece.Length;
            yield return piece;
        }
    }

    /// <summary>The pieces of one character each.</summary>
    public static IEnumerable<string> Characters(string text) => text.Select(c => c.ToString());

    private void Add(ToolCallOutput output)
    {
        foreach (var delta in output.Calls)
        {
            if (delta.Name is not null)
            {
                Assert.True(_calls.Count == 0 || delta.Index > _calls[^1].Index);
                _calls.Add((delta.Index, delta.Id!, delta.Name, new StringBuilder()));
            }

            Assert.Equal(_calls[^1].Index, delta.Index);
            _calls[^1].Arguments.Append(delta.Arguments);
            if (delta.Withdrawn is { } head)
            {
                _content.Append(head).Append(delta.IsWhole ? "" : _calls[^1].Arguments.ToString());
                _calls.RemoveAt(_calls.Count - 1);
            }
        }

        _content.Append(output.Text);
        _sent.Append(output.Text);
    }
}
