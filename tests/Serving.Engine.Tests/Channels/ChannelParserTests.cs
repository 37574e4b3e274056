using Serving.Engine.Channels;
using Serving.Engine.Tokenization;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.Channels;

public sealed class ChannelParserTests
{
    [Theory]
    [InlineData("<|channel|>analysis<|message|>So.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>", "So.", "Yes.")]
    [InlineData("<|channel|>final<|message|>Yes.", "", "Yes.")]
    [InlineData("<|channel|>analysis<|message|>So.", "So.", "")]
    [InlineData("<|channel|>analysis<|message|>", "", "")]
    [InlineData("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|><|start|>assistant<|channel|>final<|message|>c", "a\n\nb", "c")]
    [InlineData("<|channel|>analysis<|message|>a<|end|>\n<|start|>assistant<|channel|>analysis<|message|><|end|><|start|>assistant<|channel|>final<|message|> c\n", "a", " c\n")]
    [InlineData("<|channel|>analysis<|message|>So.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>", "So.", "", "f {\"a\": 1}")]
    [InlineData("<|channel|>analysis<|message|>So.<|end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}<|call|>", "So.", "", "f {\"a\": 1}")]
    [InlineData(" to=functions.get_weather<|channel|>commentary<|message|>\n{}\n<|call|>", "", "", "get_weather {}")]
    [InlineData("<|channel|>analysis to=functions.f code<|message|>{}<|call|>", "", "", "f {}")]
    [InlineData("<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}", "", "I look.", "f {}")]
    [InlineData("<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "", "I look.\n\nYes.")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{}<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>{\"b\":[]}<|call|>", "", "", "f {}", "f {\"b\":[]}")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{}<|call|><|start|>user<|message|>no more", "", "", "f {}")]
    [InlineData("<|channel|>commentary to=functions.other<|message|>{\"a\": 1}<|call|>", "", "{\"a\": 1}")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{\"a\": nul}<|call|>", "", "{\"a\": nul}")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{\"a\": <|call|>", "", "{\"a\": ")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>[1]<|call|>", "", "[1]")]
    [InlineData("<|channel|>commentary to=functions.f<|message|><|call|>", "", "")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{} and more", "", "and more", "f {}")]
    [InlineData("<|channel|>analysis to=python code<|message|>print(1)<|end|><|start|>assistant<|channel|>final<|message|>1", "print(1)", "1")]
    [InlineData("<|channel|>final <|constrain|>json<|message|>{\"a\": 1}<|return|>", "", "{\"a\": 1}")]
    [InlineData("<|start|>assistant<|channel|>final<|message|>Yes.<|return|>", "", "Yes.")]
    [InlineData("<|start|>assistant<|message|>Yes.", "", "Yes.")]
    [InlineData("<|channel|>analysis<|message|>So.<|start|>assistant<|channel|>final<|message|>Yes.", "So.", "Yes.")]
    [InlineData("<|channel|>analysis<|message|>So.<|channel|>final<|message|>Yes.", "So.", "Yes.")]
    [InlineData("<|channel|>final<|message|>a<|message|>b<|constrain|>c", "", "abc")]
    [InlineData("<|channel|>final<|message|>a <|en <|x|> <<|end|>", "", "a <|en <|x|> <")]
    [InlineData("<|channel|>fin", "", "")]
    [InlineData("<|channel|>final<|mess", "", "")]
    [InlineData(" to=functions.f", "", "")]
    [InlineData("Yes.", "", "Yes.")]
    [InlineData("Yes.<|return|>", "", "Yes.")]
    [InlineData("", "", "")]
    public void Append_Messages_AreThoughtsContentAndCalls(string text, string thoughts, string content, params string[] calls)
    {
        foreach (var mark in new[] { "", SpokenTokens.Noncharacter })
        {
            var answer = ReadAnswer.OfEveryCut(Marked(text, mark), mark);
            Assert.Equal((thoughts, content), (answer.Thoughts, answer.Content));
            Assert.Equal(calls, answer.Calls);
        }
    }

    [Theory]
    [InlineData("So.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "So.", "Yes.")]
    [InlineData("So.", "So.", "")]
    public void Append_BehindAPromptThatOpensThoughts_BeginsInThem(string text, string thoughts, string content)
    {
        var answer = ReadAnswer.OfEveryCut(text, isThinking: true);

        Assert.Equal((thoughts, content), (answer.Thoughts, answer.Content));
    }

    [Fact]
    public void Append_MarksThatAreSpelledOut_AreText()
    {
        const string Mark = SpokenTokens.Noncharacter;
        var text = Marked("<|channel|>final<|message|>", Mark) + "Messages end with <|end|>, calls with <|call|>: <|channel|>commentary to=functions.f<|message|>{}<|call|>" + Marked("<|return|>", Mark);

        var answer = ReadAnswer.OfEveryCut(text, Mark);

        Assert.Equal(("Messages end with <|end|>, calls with <|call|>: <|channel|>commentary to=functions.f<|message|>{}<|call|>", 0), (answer.Content, answer.Calls.Count));
    }

    [Fact]
    public void Append_TextWithoutAnyHeader_IsContentHoweverLong()
    {
        var text = string.Concat(Enumerable.Range(0, 200).Select(i => $"word {i} "));

        Assert.Equal(text, ReadAnswer.OfEveryCut(text).Content);
    }

    [Fact]
    public void Append_OneCallWanted_StopsBehindIt()
    {
        var answer = ReadAnswer.OfEveryCut("<|channel|>commentary to=functions.f<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>Yes.", maxCalls: 1);

        Assert.Equal(["f {}"], answer.Calls);
        Assert.Equal("", answer.Content);
    }

    [Fact]
    public void Append_OneCharacterAtATime_SaysWhereItIsAndGivesWhatComes()
    {
        var parser = new ChannelParser("", false, new HashSet<string> { "f" }, 0, () => "call_1");
        Assert.True(parser.IsUndecided);
        parser.Append("<|channel|>analysis<|message|>");
        Assert.True(parser.IsThinking);
        Assert.Equal("So", parser.Append("So<|").Thoughts);
        Assert.Equal("", parser.Append("end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>").Thoughts);
        Assert.Equal((false, false), (parser.IsThinking, parser.IsUndecided));
        Assert.Equal([new ToolCallDelta(0, "call_1", "f", "{\"a\"")], parser.Append("{\"a\"").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, ":1}")], parser.Append(":1}").Calls);
        Assert.Equal((1, false), (parser.Calls, parser.IsDone));
        parser.Append("<|call|>");
        Assert.True(parser.IsDone);
    }

    [Fact]
    public void Append_CallThatBreaksOff_IsTakenBackWithWhatItSent()
    {
        var parser = new ChannelParser("", false, new HashSet<string> { "f" }, 0, () => "call_1");
        parser.Append("<|channel|>commentary to=functions.f<|message|>{\"a\"");

        var output = parser.Append(":1 oops");

        Assert.Equal([new ToolCallDelta(0, null, null, ":1 ", "")], output.Calls);
        Assert.Equal("oops", output.Text);
    }

    [Fact]
    public void Append_AnyTextInAnyPieces_GivesTheSame()
    {
        string[] parts =
        [
            .. HarmonyText.Marks, "<|channel|>final<|message|>", "<|channel|>analysis<|message|>", "<|end|><|start|>assistant", "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": ", "assistant",
            " to=functions.f", "functions.", "analysis", "final", "commentary", "{\"a\": [1, null]}", "{", "}", "{}", "\"", "1", ",", "<", "<|", "<|end", "|>", " ", "\n", "a", "ß 😀", SpokenTokens.Noncharacter, new string('x', 100),
        ];
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 40_000; round++)
        {
            var mark = round % 2 == 0 ? "" : SpokenTokens.Noncharacter;
            var text = Marked(string.Concat(Enumerable.Range(0, random.Next(16)).Select(_ => parts[random.Next(parts.Length)])), mark);
            var (isThinking, most) = (random.Next(4) == 0, random.Next(3));
            var note = $"seed {seed}, round {round}: {text}";

            var whole = ReadAnswer.Of([text], mark, isThinking, most);
            whole.AssertSame(ReadAnswer.Of(Cut(text, random), mark, isThinking, most), note);
            Assert.True(whole.Arguments.All(IsObject), note);
        }
    }

    /// <summary>What a model writes that keeps to the format is read as it was meant.</summary>
    [Fact]
    public void Append_RandomMessages_AreReadAsTheyWereMeant()
    {
        string[] words = ["So", " it", " is", ".\n", "<", "<|", " {\"a\": 1}", "ß😀", " to=functions.f", "|>"];
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 10_000; round++)
        {
            var (text, thoughts, content, calls) = ("", new List<string>(), new List<string>(), new List<string>());
            for (var left = random.Next(1, 6); left > 0; left--)
            {
                var said = "w" + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => words[random.Next(words.Length)])) + ".";
                switch (random.Next(4))
                {
                    case 0:
                        thoughts.Add(said);
                        text += $"<|channel|>analysis<|message|>{said}<|end|><|start|>assistant";
                        break;
                    case 1:
                        content.Add(said);
                        text += $"<|channel|>commentary<|message|>{said}<|end|><|start|>assistant";
                        break;
                    case 2:
                        calls.Add("f {\"x\": [\"}<|\"]}");
                        text += "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"x\": [\"}<|\"]}<|end|><|start|>assistant";
                        break;
                    default:
                        content.Add(said);
                        text += $"<|channel|>final<|message|>{said}<|end|><|start|>assistant";
                        break;
                }
            }

            var answer = ReadAnswer.Of(Cut(text, random));

            Assert.True(
                answer.Thoughts == string.Join("\n\n", thoughts) && answer.Content == string.Join("\n\n", content) && answer.Calls.SequenceEqual(calls), $"seed {seed}: {text}");
        }
    }

    private static string Marked(string text, string mark) => HarmonyText.Marks.Aggregate(text, (marked, shown) => marked.Replace(shown, mark + shown, StringComparison.Ordinal));

    private static IEnumerable<string> Cut(string text, Random random)
    {
        for (var at = 0; at < text.Length;)
        {
            var piece = text.Substring(at, Math.Min(random.Next(1, 9), text.Length - at));
            at += piece.Length;
            yield return piece;
        }
    }

    private static bool IsObject(string json)
    {
        using var document = System.Text.Json.JsonDocument.Parse(json);
        return document.RootElement.ValueKind == System.Text.Json.JsonValueKind.Object;
    }
}
