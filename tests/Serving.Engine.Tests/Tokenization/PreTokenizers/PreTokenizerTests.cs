using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Loading.Gguf.Vocabulary;
using Serving.Engine.Tests.Tokenization;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.PreTokenizers;

namespace Serving.Engine.Tests.Tokenization.PreTokenizers;

public sealed class PreTokenizerTests
{
    private const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>That of <c>o200k_harmony</c>'s tokenizer.json (gpt-oss), which is o200k_base's.</summary>
    internal const string O200k = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    [Theory]
    [InlineData("Removed", "the|final|countdown")]
    [InlineData("Isolated", "the|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "the-|final-|-|countdown")]
    [InlineData("MergedWithNext", "the|-final|-|-countdown")]
    [InlineData("Contiguous", "the|-|final|--|countdown")]
    public void Split_EveryBehavior_TreatsDelimitersAsDocumented(string behavior, string pieces) =>
        Assert.Equal(pieces, Split($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}","invert":false}""", "the-final--countdown"));

    [Theory]
    [InlineData("""{"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"Removed","invert":true}""", "the-final--countdown", "the|final|countdown")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"x*"},"behavior":"Isolated","invert":false}""", "axxb", "a|xx|b")]
    [InlineData("""{"type":"Whitespace"}""", "Hey man!  ça_va?²", "Hey|man|!|ça_va|?²")]
    [InlineData("""{"type":"WhitespaceSplit"}""", " Hey,\u2028man\u0085! ", "Hey,|man|!")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "a12٣b", "a|1|2|٣|b")]
    [InlineData("""{"type":"Digits","individual_digits":false}""", "a12٣b", "a|12٣|b")]
    [InlineData("""{"type":"Punctuation"}""", "Hey!?$ «x»", "Hey|!|?|$| |«|x|»")]
    [InlineData("""{"type":"Punctuation","behavior":"Contiguous"}""", "Hey!?$ x", "Hey|!?$| x")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""", "Hey  you ", "▁Hey|▁|▁you|▁")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}""", "Hey you", "Hey|▁you")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":false}""", "Hey you", "Hey|▁you")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","split":false}""", "Hey you", "▁Hey▁you")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"use_regex":true}""", "Hey é  you'll", "ĠHey|ĠÃ©|Ġ|Ġyou|'ll")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","prepend_scheme":"first"}]}""", "a b", "▁a|b")]
    public void Split_EveryPreTokenizer_CutsAsTheRustLibrary(string json, string text, string pieces) => Assert.Equal(pieces, Split(json, text));

    /// <summary>Words end before a capital behind a small letter and have their contractions and one character before them; digits come in threes, signs with slashes and ends of lines.</summary>
    [Theory]
    [InlineData("HelloWorld'S XMLParser don't", "Hello|World'S| XMLParser| don't")]
    [InlineData("12345 #tag _x", "123|45| #|tag| _|x")]
    [InlineData("a/b ...//\n\n  c", "a|/b| ...//\n\n| | c")]
    [InlineData("ÀÉÎx éA \u0301B日本", "ÀÉÎx| é|A| \u0301B日本")]
    public void Split_O200k_CutsAsTiktoken(string text, string pieces) =>
        Assert.Equal(pieces, Split(JsonSerializer.Serialize(new { type = "Split", pattern = new { Regex = O200k }, behavior = "Isolated", invert = false }), text));

    /// <summary>Splits that GGUF files name, before bytes become characters: digits one by one, or in threes, and words with the mark that stands before them.</summary>
    [Theory]
    [InlineData("command-r", "I've 12 é", "I've |1|2| é")]
    [InlineData("stablelm2", "I've 12 é\n", "I|'ve| |1|2| é|\n")]
    [InlineData("qwen35", "I've ก\u0e34น\u0e4d 12!\u0301x e\u0301a", "I|'ve| ก\u0e34น\u0e4d| |1|2|!\u0301x| e\u0301a")]
    [InlineData("hunyuan-dense", "I've 1234 .apples 日本x!", "I|'ve| |123|4| .|apples| |日本|x|!")]
    public void Split_OfAGgufName_CutsInStages(string name, string text, string pieces)
    {
        var stages = new JsonArray([.. TextSplit.Of(name).Stages()[..^1].Select(stage => (JsonNode)stage)]);
        Assert.Equal(pieces, Split(new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = stages }.ToJsonString(), text));
    }

    [Theory]
    [InlineData(Gpt2Scanner.Pattern)]
    [InlineData(Llama3)]
    public void Scanner_RandomTexts_AgreesWithItsExpression(string pattern)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(new { Regex = pattern }));
        var expression = TextPattern.Read(new JsonView(json.RootElement, "test"));
        TextScanner scanner = pattern == Llama3 ? Llama3Scanner.For(pattern)! : new Gpt2Scanner();
        for (var round = 0; round < 3000; round++)
        {
            var text = RandomTexts.Next(random, 20, ["'Ll", "'ſ", "'\u212A", "\U0001D7D8", "Ⅷ", "²", "\u0085", "\uFEFF", "\v"]);
            Assert.True(Matches(expression, text) == Matches(scanner, text), $"seed {seed}: {JsonSerializer.Serialize(text)}: {Matches(expression, text)} but {Matches(scanner, text)}");
        }
    }

    [Theory]
    [InlineData("""{"type":"BertPreTokenizer"}""", "BertPreTokenizer")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"(a)\\1"},"behavior":"Isolated"}""", "(a)\\1")]
    [InlineData("""{"type":"Split","pattern":{"String":"a"},"behavior":"Doubled"}""", "Doubled")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"last"}""", "last")]
    public void Read_WhatIsNotSupported_IsRefusedByName(string json, string name) =>
        Assert.Contains(name, Assert.Throws<TokenizerFormatException>(() => Split(json, "a")).Message, StringComparison.Ordinal);

    private static string Matches(TextScanner scanner, string text)
    {
        var walk = new MatchWalk(scanner, text);
        var result = string.Empty;
        while (walk.Next())
        {
            result += $"[{text[walk.Start..walk.End]}]";
        }

        return result;
    }

    private static string Split(string json, string text)
    {
        using var document = JsonDocument.Parse(json);
        var pieces = new Pieces();
        PieceSink sink = pieces;
        foreach (var stage in Enumerable.Reverse(PreTokenizerReader.Read(new JsonView(document.RootElement, "test"))))
        {
            sink = stage.Before(sink);
        }

        sink.Accept(text, atStart: true);
        return string.Join('|', pieces.List);
    }

    private sealed class Pieces : PieceSink
    {
        public List<string> List { get; } = [];

        public override void Accept(ReadOnlySpan<char> piece, bool atStart) => List.Add(piece.ToString());
    }
}
