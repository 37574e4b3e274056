using System.Text;
using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

public sealed class CustomInputReaderTests
{
    private const int Rounds = 20_000;

    [Theory]
    [InlineData("{\"input\": \"a b\"}", "a b")]
    [InlineData("{\"input\":\"\"}", "")]
    [InlineData("{ \"input\" : \"a\\n\\t\\\"\\\\\\/\\b\\f\\r\\u00e9\\u0041\" }", "a\n\t\"\\/\b\f\réA")]
    [InlineData("{\"input\":\"\\ud83d\\ude00😀\"}", "😀😀")]
    [InlineData("{\"input\":\"\\ud83dx\\ude00\\ud83d\"}", "\uFFFDx\uFFFD\uFFFD")]
    [InlineData("{\"a\":{\"input\":\"x\"},\"b\":[\"input\"],\"input\":\"y\",\"c\":1}", "y")]
    public void Append_InPieces_GivesTheTextUnescaped(string arguments, string text)
    {
        for (var length = 1; length <= arguments.Length; length++)
        {
            var reader = new CustomInputReader("input");
            Assert.Equal(text, string.Concat(arguments.Chunk(length).Select(piece => reader.Append(new string(piece)))));
        }
    }

    /// <summary>What a model gives a tool by mistake is passed on, so that the tool can say so.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("{\"patch\": \"x\"}")]
    [InlineData("{\"input\": 3}")]
    [InlineData("{\"input\": {\"input\": \"x\"}}")]
    public void Append_OfOtherArguments_GivesThemAsTheyStandThere(string arguments)
    {
        var reader = new CustomInputReader("input");
        Assert.Equal("", string.Concat(arguments[..^1].Select(c => reader.Append(c.ToString()))));
        Assert.Equal(arguments, reader.Append(arguments[^1..]));
    }

    /// <summary>Any text comes back, whichever way it is escaped and cut; a reader of broken arguments gives a beginning of it and never throws.</summary>
    [Fact]
    public void Append_OfRandomTexts_IsTheInverseOfWritingThem()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => new Rune(random.Next(4) switch { 0 => random.Next(0x20), 1 => "\"\\/{}:u"[random.Next(7)], 2 => 0x1F600 + random.Next(9), _ => 'a' + random.Next(900) }).ToString()));
            var arguments = new StringBuilder(random.Next(2) == 0 ? "{\"input\":\"" : "{\"b\":[{}],\"input\": \"");
            foreach (var c in text)
            {
                arguments.Append(c < ' ' || c is '"' or '\\' || random.Next(3) == 0 ? $"\\u{(int)c:x4}" : c.ToString());
            }

            arguments.Append("\"}");
            var isBroken = random.Next(3) == 0;
            if (isBroken)
            {
                arguments[random.Next(arguments.Length)] = "\"\\{}u,x\u0001"[random.Next(8)];
            }

            var (reader, read) = (new CustomInputReader("input"), new StringBuilder());
            for (var at = 0; at < arguments.Length;)
            {
                var length = Math.Min(random.Next(1, 6), arguments.Length - at);
                read.Append(reader.Append(arguments.ToString(at, length)));
                at += length;
            }

            Assert.True(isBroken || read.ToString() == text, $"seed {seed}, {JsonSerializer.Serialize(arguments.ToString())}: {read}");
            Assert.Equal(CustomInputReader.InputOf(arguments.ToString(), "input"), read.ToString());
        }
    }
}
