using System.Text;
using Serving.Engine.Reasoning;

namespace Serving.Engine.Tests.Reasoning;

public sealed class ReasoningParserTests
{
    [Theory]
    [InlineData("<think>\nSo.\n</think>\n\nYes.", ReasoningStart.Either, "So.", "Yes.")]
    [InlineData("\n <think>So, 1 < 2.</think>Yes.", ReasoningStart.Either, "So, 1 < 2.", "Yes.")]
    [InlineData("So.\n</think>\n\nYes.\n", ReasoningStart.Thoughts, "So.", "Yes.\n")]
    [InlineData("\n\nSo.  \n", ReasoningStart.Thoughts, "So.  \n", "")]
    [InlineData("<think>\nSo.</think>Yes.", ReasoningStart.Thoughts, "So.", "Yes.")]
    [InlineData("<th So.</think>Yes.", ReasoningStart.Thoughts, "<th So.", "Yes.")]
    [InlineData("</think>\nYes.", ReasoningStart.Thoughts, "", "Yes.")]
    [InlineData("<think>\n\n</think>\n\nYes.", ReasoningStart.Either, "", "Yes.")]
    [InlineData("Yes. <think>No.</think>", ReasoningStart.Either, "", "Yes. <think>No.</think>")]
    [InlineData("  Yes.", ReasoningStart.Either, "", "  Yes.")]
    [InlineData("<thin", ReasoningStart.Either, "", "<thin")]
    [InlineData("<think", ReasoningStart.Thoughts, "<think", "")]
    [InlineData("<think>a</think>b<think>c</think>", ReasoningStart.Either, "a", "b<think>c</think>")]
    [InlineData("<think>a <</think </think", ReasoningStart.Either, "a <</think </think", "")]
    [InlineData("<think>a\n<</think>b", ReasoningStart.Either, "a\n<", "b")]
    [InlineData("<think>a</think>", ReasoningStart.Answer, "", "<think>a</think>")]
    [InlineData("<think>\n < a</think>b", ReasoningStart.Either, "< a", "b")]
    public void Append_Answer_IsToldApartHoweverItIsCut(string text, ReasoningStart start, string thoughts, string answer) =>
        AssertSame(ReasoningFormat.Think, start, text, thoughts, answer);

    [Theory]
    [InlineData("<think>So.</think>\n<response>Yes.</response>\n", "So.", "Yes.")]
    [InlineData("<think>So.</think>\n<response>\nYes.\n</response>", "So.", "Yes.")]
    [InlineData("<think>So.</think><response>Say </response> twice. </response>", "So.", "Say </response> twice.")]
    [InlineData("<think>So.</think>\n<resp> Yes.</response>", "So.", "<resp> Yes.</response>")]
    [InlineData("<think>So.</think>\n<resp", "So.", "<resp")]
    [InlineData("<think>So.</think><response>Yes.</resp", "So.", "Yes.</resp")]
    [InlineData("<response>Yes.</response>", "", "<response>Yes.</response>")]
    public void Append_AnswerWithMarksOfItsOwn_LosesThemBehindThoughts(string text, string thoughts, string answer) =>
        AssertSame(ReasoningFormat.Granite, ReasoningStart.Either, text, thoughts, answer);

    [Theory]
    [InlineData("<|START_THINKING|>So.<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>", ReasoningStart.Either, "So.", "Yes.")]
    [InlineData("<|START_RESPONSE|>Yes.<|END_RESPONSE|>", ReasoningStart.Either, "", "Yes.")]
    [InlineData("<|START_RESPONSE|>Yes.<|END_RESPONSE|>", ReasoningStart.Answer, "", "Yes.")]
    [InlineData("<|START_THINKING|>So.<|END_THINKING|><|START_ACTION|>[", ReasoningStart.Either, "So.", "<|START_ACTION|>[")]
    [InlineData("<|START_ACTION|>[", ReasoningStart.Answer, "", "<|START_ACTION|>[")]
    [InlineData("Yes <|START_RESPONSE|>", ReasoningStart.Either, "", "Yes <|START_RESPONSE|>")]
    public void Append_AnswerThatAlwaysHasMarks_LosesThem(string text, ReasoningStart start, string thoughts, string answer) => AssertSame(ReasoningFormat.CohereCommand3, start, text, thoughts, answer);

    [Theory]
    [InlineData("Here is my thought process: So.\n\nHere is my response:\n\nYes.", "So.", "Yes.")]
    [InlineData("Here is my answer.", "", "Here is my answer.")]
    [InlineData("Here is my thought process:\nHere is more.Here is my response: Yes.", "Here is more.", "Yes.")]
    public void Append_SentencesForMarks_AreMarks(string text, string thoughts, string answer) => AssertSame(ReasoningFormat.GraniteSentences, ReasoningStart.Either, text, thoughts, answer);

    [Fact]
    public void Append_MuchWhiteSpace_IsNotHeldBack()
    {
        var parser = new ReasoningParser(ReasoningFormat.Think, ReasoningStart.Either);
        Assert.Equal(new string(' ', 200), parser.Append(new string(' ', 200)).Text + parser.Append("").Text);

        parser = new ReasoningParser(ReasoningFormat.Mistral, ReasoningStart.Either);
        parser.Append("[THINK]a");
        Assert.InRange(parser.Append(new string('\n', 1000)).Thoughts.Length, 1000 - HeldMark.MaxSpace, 1000);
        Assert.Equal(("", "b"), (parser.Append("[/THINK]").Thoughts, parser.Append("b").Text));
    }

    [Fact]
    public void Append_AnyText_IsTheSameHoweverItIsCut()
    {
        string[] parts = ["<think>", "</think>", "<response>", "</response>", "<", "<thi", "</thin", "</respon", " ", "\n\n", "a", "bc", ">", "<|START_", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>", "Here is my ", "thought process:", "response:"];
        ReasoningFormat[] formats = [.. ReasoningFormat.All.Where(format => !format.IsChannels)];
        var random = new Random(11);
        for (var round = 0; round < 4000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            var format = formats[random.Next(formats.Length)];
            var start = (ReasoningStart)random.Next(3);
            var (thoughts, answer) = Read(format, start, [text]);
            AssertSame(format, start, text, thoughts, answer);
            Assert.True(thoughts.Length + answer.Length <= text.Length);
            Assert.True(start != ReasoningStart.Answer || format.MarksEveryAnswer || answer == text);
        }
    }

    private static void AssertSame(ReasoningFormat format, ReasoningStart start, string text, string thoughts, string answer)
    {
        Assert.Equal((thoughts, answer), Read(format, start, [text]));
        Assert.Equal((thoughts, answer), Read(format, start, text.Select(c => c.ToString())));
        for (var cut = 1; cut < text.Length; cut++)
        {
            Assert.Equal((thoughts, answer), Read(format, start, [text[..cut], text[cut..]]));
        }
    }

    private static (string Thoughts, string Text) Read(ReasoningFormat format, ReasoningStart start, IEnumerable<string> pieces)
    {
        var (parser, thoughts, text) = (new ReasoningParser(format, start), new StringBuilder(), new StringBuilder());
        foreach (var piece in pieces)
        {
            Add(parser.Append(piece));
        }

        Add(parser.Flush());
        return (thoughts.ToString(), text.ToString());

        void Add(ReasoningOutput output)
        {
            Assert.True(output.Thoughts.Length == 0 || text.Length == 0);
            thoughts.Append(output.Thoughts);
            text.Append(output.Text);
        }
    }
}
