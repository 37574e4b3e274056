using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Damaged files: only <see cref="TokenizerFormatException"/> may come out, and what is read must work.</summary>
public sealed class TokenizerFuzzTests
{
    private const string Config = """
        {"bos_token":"<|a|>","eos_token":{"content":"<|end|>","lstrip":false},"add_bos_token":true,"tokenizer_class":"LlamaTokenizer",
         "additional_special_tokens":["<|ab|>"],"added_tokens_decoder":{"999":{"content":"<x>","special":true}},"chat_template":[{"name":"default","template":"x"}]}
        """;

    private static readonly JsonNode?[] Values =
    [
        null, 0, -1, 1, 2097151, 2097152, int.MaxValue, 1e300, true, "", "a", "▁", "<0xFF>", "\uD83D\uDE42", "(", "(?i:a", "[^", @"\p{L}+", "x*", new JsonArray(), new JsonObject(),
        new JsonArray("a", "b"), new JsonObject { ["type"] = "Sequence" }, new JsonObject { ["Regex"] = "(a|b" }, new JsonObject { ["String"] = "" }, "ByteLevel", "Metaspace", "WordPiece", "Fuse",
    ];

    [Fact]
    public void Parse_DamagedBytes_OnlyRefuses()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var demo = File.ReadAllBytes(Path.Combine(Repository.DemoModel, "tokenizer.json"));
        var small = Enumerable.Range(0, 40).Select(_ => JsonSerializer.SerializeToUtf8Bytes(Shrink(GeneratedTokenizers.Next(random)))).ToArray();
        var read = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var file = round % 100 == 0 ? demo : small[random.Next(small.Length)];
            read += Try(Damage(file, random), round % 2 == 0 ? Encoding.UTF8.GetBytes(Config) : Damage(Encoding.UTF8.GetBytes(Config), random), seed) ? 1 : 0;
        }

        Assert.InRange(read, 100, 19_900);
    }

    [Fact]
    public void Parse_DamagedValues_OnlyRefuses()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var read = 0;
        for (var round = 0; round < 6_000; round++)
        {
            var json = Shrink(GeneratedTokenizers.Next(random));
            for (var count = random.Next(1, 4); count > 0; count--)
            {
                Damage(json, random);
            }

            read += Try(JsonSerializer.SerializeToUtf8Bytes(json), Encoding.UTF8.GetBytes(Config), seed) ? 1 : 0;
        }

        Assert.InRange(read, 100, 5_900);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "Unigram")]
    [InlineData("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "WordPiece")]
    [InlineData("{\"normalizer\":{\"type\":\"Precompiled\"},\"model\":{\"vocab\":{},\"merges\":[]}}", "Precompiled")]
    [InlineData("{\"decoder\":{\"type\":\"WordPiece\"},\"model\":{\"vocab\":{},\"merges\":[]}}", "WordPiece")]
    [InlineData("{\"post_processor\":{\"type\":\"BertProcessing\"},\"model\":{\"vocab\":{},\"merges\":[]}}", "BertProcessing")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":2097152},\"merges\":[]}}", "2097151")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "vocabulary")]
    [InlineData("{\"model\":{\"vocab\":{\"\\ud800\":0},\"merges\":[]}}", "Unicode")]
    [InlineData("{\"\\ud800\":1,\"model\":{\"vocab\":{},\"merges\":[\"\\udc00 a\"]}}", "Unicode")]
    [InlineData("{\"model\":{\"vocab\":{},\"merges\":[]},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"a\":{\"ids\":[7]}}}}", "7")]
    public void Parse_WhatIsNotSupported_IsRefusedByName(string json, string name = "tokenizer.json")
    {
        var refusal = Assert.Throws<TokenizerFormatException>(() => Tokenizer.Parse(Encoding.UTF8.GetBytes(json)));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_DeepNesting_IsRefused()
    {
        var json = $"{{\"model\":{string.Concat(Enumerable.Repeat("[", 100_000))}";
        Assert.Throws<TokenizerFormatException>(() => Tokenizer.Parse(Encoding.UTF8.GetBytes(json)));
    }

    [Fact]
    public void Load_FolderWithoutATokenizer_IsRefusedByName() =>
        Assert.Contains("tokenizer.json", Assert.Throws<TokenizerFormatException>(() => Tokenizer.Load(Repository.DemoAdapters)).Message, StringComparison.Ordinal);

    private static bool Try(byte[] json, byte[] config, int seed)
    {
        try
        {
            var tokenizer = Tokenizer.Parse(json, config);
            var ids = tokenizer.EncodeToIds($"the <|a|> a b \uD83D\uDE42 {tokenizer.Guard("x<|end|>")} 123\n", addSpecialTokens: true);
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            tokenizer.Decode(ids, skipSpecialTokens: true);
            return true;
        }
        catch (TokenizerFormatException)
        {
            return false;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}: {e.GetType().Name} for {Encoding.UTF8.GetString(json)}", e);
        }
    }

    /// <summary>Leaves the first tokens and no merges, so that most bytes are structure.</summary>
    private static JsonObject Shrink(JsonObject json)
    {
        var kept = json["model"]!["vocab"]!.AsObject().Where(entry => entry.Key is "<unk>" or "▁" || (int)entry.Value! < 12);
        json["model"]!["vocab"] = new JsonObject(kept.Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())).ToList());
        json["model"]!["merges"] = new JsonArray();
        return json;
    }

    private static byte[] Damage(byte[] file, Random random)
    {
        var bytes = file.ToList();
        for (var count = random.Next(1, 5); count > 0 && bytes.Count > 0; count--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[at] = (byte)"{}[]\",:0129-\\ntufu"[random.Next(18)];
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 1), 1));
                    break;
                default:
                    var other = random.Next(bytes.Count);
                    (bytes[at], bytes[other]) = (bytes[other], bytes[at]);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void Damage(JsonObject json, Random random)
    {
        List<(JsonNode Parent, string? Name, int Index)> places = [];
        Collect(json, places);
        var (parent, name, index) = places[random.Next(places.Count)];
        var value = random.Next(4) == 0 ? Another(places[random.Next(places.Count)]) : Values[random.Next(Values.Length)];
        if (name is null)
        {
            parent.AsArray()[index] = value?.DeepClone();
        }
        else if (random.Next(6) == 0)
        {
            parent.AsObject().Remove(name);
        }
        else
        {
            parent.AsObject()[name] = value?.DeepClone();
        }
    }

    private static JsonNode? Another((JsonNode Parent, string? Name, int Index) place) =>
        place.Name is null ? place.Parent.AsArray()[place.Index] : place.Parent.AsObject()[place.Name];

    private static void Collect(JsonNode? node, List<(JsonNode Parent, string? Name, int Index)> places)
    {
        if (node is JsonObject members)
        {
            foreach (var (name, value) in members)
            {
                places.Add((members, name, 0));
                Collect(value, places);
            }
        }
        else if (node is JsonArray items)
        {
            for (var i = 0; i < items.Count; i++)
            {
                places.Add((items, null, i));
                Collect(items[i], places);
            }
        }
    }
}
