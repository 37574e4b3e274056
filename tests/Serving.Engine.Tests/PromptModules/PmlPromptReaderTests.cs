using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.Tests.PromptModules;

public sealed class PmlPromptReaderTests
{
    [Fact]
    public void Read_ModulesArgumentsAndText_AreInTheirOrder()
    {
        var prompt = Read("""
            <prompt schema="trip">
              <plan days="three &amp; more"><miami/>
                <maui x="" /></plan> and then
              <train/>
              What shall I <![CDATA[<pack>? ]]>
            </prompt>
            """);

        Assert.Equal("trip", prompt.Schema);
        Assert.Equal(["plan", "plan/miami", "plan/maui", "train"], prompt.Modules.Select(module => module.Path));
        Assert.Equal(["", "", "", " and then "], prompt.Modules.Select(module => module.TextBefore));
        Assert.Equal("three & more", prompt.Modules[0].Arguments["days"]);
        Assert.Equal("", prompt.Modules[2].Arguments["x"]);
        Assert.Equal(" What shall I <pack>?", string.Concat(prompt.Pieces.Select(piece => piece.Text)));
        Assert.False(prompt.StaysOpen);
    }

    [Fact]
    public void Read_Messages_StandBehindTheText()
    {
        var prompt = Read("<prompt schema='s'><a/>more<assistant>Yes?</assistant><user>Where?</user><assistant/></prompt>");
        Assert.Equal(
            [new PromptPiece(null, "more"), new(MessageRole.Assistant, "Yes?"), new(MessageRole.User, "Where?"), new(MessageRole.Assistant, "")],
            prompt.Pieces);
        Assert.True(prompt.StaysOpen);
    }

    [Theory]
    [InlineData("plain text", "Data at the root level is invalid")]
    [InlineData("<schema name='a'/>", "the outermost element is <prompt>")]
    [InlineData("<prompt/>", "one attribute, schema")]
    [InlineData("<prompt schema='a' x='1'/>", "one attribute, schema")]
    [InlineData("<prompt schema='a'><b>text</b></prompt>", "holds references only")]
    [InlineData("<prompt schema='a'><b:c xmlns:b='x'/></prompt>", "names no module")]
    [InlineData("<prompt schema='a'><user>x</user><b/></prompt>", "before the messages only")]
    [InlineData("<prompt schema='a'><user>x</user>y</prompt>", "behind a message stand messages only")]
    [InlineData("<prompt schema='a'><user><b/></user></prompt>", "a message holds text only")]
    [InlineData("<prompt schema='a'><user n='1'/></prompt>", "a message has no attributes")]
    [InlineData("<prompt schema='a'>&x;</prompt>", "entity")]
    [InlineData("<prompt schema='a'></prompt>x", "invalid")]
    public void Read_Wrong_SaysWhy(string source, string reason) =>
        Assert.Contains(reason, Assert.Throws<PromptSchemaException>(() => Read(source)).Reason, StringComparison.Ordinal);

    private static PmlPrompt Read(string source) => PmlPromptReader.Read(source, 1 << 16);
}
