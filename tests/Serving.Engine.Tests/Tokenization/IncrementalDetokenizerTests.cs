using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

public sealed class IncrementalDetokenizerTests
{
    private const string Llama =
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""";

    private static readonly string[] Tokens =
    [
        "a", "b", "hello", "▁", "▁a", "▁▁", "▁▁b▁", " ", "  ", " x ", "é", "日本", "🙂", "\u0301", "Ġ", "Ġa", "Ċ", "Ãł", "Ã", "©", "ð", "Ł", "ĺ", "Ģ", "æĹ", "¥", "ðŁ", "ĳ", "Â", "ab", "aab",
        "<0x41>", "<0xE2>", "<0x82>", "<0xAC>", "<0xF0>", "<0x9F>", "<0x99>", "<0x82>x", "<0xFF>", "<0xC3>", "<0xA9>", "<0x0A>", "<0xZZ>", "<0x1>", "<<0x41>>", "bb",
    ];

    public static TheoryData<string> Decoders =>
    [
        "null",
        """{"type":"ByteLevel"}""",
        """{"type":"Fuse"}""",
        """{"type":"ByteFallback"}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}""",
        Llama,
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":2,"stop":2}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},{"type":"Strip","content":" ","start":0,"stop":1}]}""",
        """{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":{"String":"ab"},"content":"-"},{"type":"ByteFallback"}]}""",
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"Regex":"a+b?"},"content":"<0x41>"},{"type":"ByteFallback"},{"type":"ByteLevel"}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Strip","content":" ","start":1,"stop":1}]}""",
        """{"type":"Replace","pattern":{"String":"▁"},"content":""}""",
    ];

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Append_RandomIds_EqualsTheWholeDecoding(string decoder)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var tokenizer = Build(decoder);
        for (var round = 0; round < 3000; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(25)).Select(_ => random.Next(Tokens.Length + 3))];
            var skip = random.Next(2) == 0;
            var tokens = ids.Where(id => id <= Tokens.Length && !(skip && id == Tokens.Length)).Select(id => id == Tokens.Length ? "<|end|>" : Tokens[id]);
            var expected = NaiveDecoders.Decode(JsonNode.Parse(decoder), tokens);
            Assert.True(expected == tokenizer.Decode(ids, skip), $"seed {seed}: {string.Join(' ', ids)}: {expected} but {tokenizer.Decode(ids, skip)}");

            var stream = new IncrementalDetokenizer(tokenizer, skip);
            var pieces = ids.Select(stream.Append).ToList();
            pieces.Add(stream.Flush());
            Assert.True(expected == string.Concat(pieces), $"seed {seed}: {string.Join(' ', ids)}: {expected} but {string.Join('|', pieces)}");
            Assert.All(pieces, piece => Assert.True(IsWellFormed(piece), $"seed {seed}: half a character in {JsonSerializer.Serialize(piece)}"));
        }
    }

    [Fact]
    public void Append_ByteLevelCharacterInPieces_ComesOutWhole()
    {
        var tokenizer = Build("""{"type":"ByteLevel"}""");
        var stream = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true);
        string[] pieces = [.. new[] { "a", "ðŁ", "ĳ", "Ģ", "b", "Ã" }.Select(token => stream.Append(Array.IndexOf(Tokens, token)))];
        Assert.Equal(["a", string.Empty, string.Empty, "👀", "b", string.Empty], pieces);
        Assert.Equal("\uFFFD", stream.Flush());
    }

    [Fact]
    public void Append_LlamaTokens_LoseOnlyTheFirstSpace()
    {
        var tokenizer = Build(Llama);
        var stream = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true);
        string[] pieces = [.. new[] { "▁a", "▁a", "b", "<0xE2>", "<0x82>", "<0xAC>", "▁a" }.Select(token => stream.Append(Array.IndexOf(Tokens, token)))];
        Assert.Equal(["a", " a", "b", string.Empty, string.Empty, string.Empty, "€ a"], pieces);
        Assert.Equal(string.Empty, stream.Flush());
    }

    [Fact]
    public void TokenBytes_EveryFamily_AreTheBytesOfTheAnswer()
    {
        var bytes = Build("""{"type":"ByteLevel"}""");
        Assert.Equal([0xF0, 0x9F], bytes.TokenBytes(Array.IndexOf(Tokens, "ðŁ")).ToArray());
        Assert.Equal("\uFFFD", bytes.TokenText(Array.IndexOf(Tokens, "ðŁ")));
        var pieces = Build(Llama);
        Assert.Equal([0xE2], pieces.TokenBytes(Array.IndexOf(Tokens, "<0xE2>")).ToArray());
        Assert.Equal(" a", pieces.TokenText(Array.IndexOf(Tokens, "▁a")));
        Assert.Equal(string.Empty, pieces.TokenText(Tokens.Length + 5));
    }

    [Fact]
    public void Append_DemoReferences_EqualTheirTexts()
    {
        var tokenizer = Tokenizer.Load(Repository.DemoModel);
        foreach (var line in File.ReadAllLines(Path.Combine(Repository.DemoReferences, "tokenizer.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var stream = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: false);
            var text = string.Concat(json.RootElement.GetProperty("ids").EnumerateArray().Select(id => stream.Append(id.GetInt32()))) + stream.Flush();
            Assert.Equal(json.RootElement.GetProperty("text").GetString(), text);
        }
    }

    private static bool IsWellFormed(string text) => text == Encoding.Unicode.GetString(Encoding.Unicode.GetBytes(text));

    private static Tokenizer Build(string decoder)
    {
        var json = new JsonObject
        {
            ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = Tokens.Length, ["content"] = "<|end|>", ["special"] = true }),
            ["decoder"] = JsonNode.Parse(decoder),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["merges"] = new JsonArray(),
                ["vocab"] = new JsonObject(Tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
            },
        };
        return Tokenizer.Parse(JsonSerializer.SerializeToUtf8Bytes(json));
    }
}
