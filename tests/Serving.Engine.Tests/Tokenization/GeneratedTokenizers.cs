using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Small random tokenizers of both families, limited to what the JavaScript library does as the Rust one.</summary>
internal static class GeneratedTokenizers
{
    /// <summary>Contents of the added tokens, for use in texts.</summary>
    public static readonly string[] AddedContents = ["<|a|>", "<|ab|>", "<|end|>", "<|left|>", "<|right|>"];

    private static readonly string[] ByteLevelPatterns =
    [
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ];

    public static JsonObject Next(Random random) => random.Next(2) == 0 ? ByteLevel(random) : Metaspace(random);

    public static JsonObject ByteLevel(Random random)
    {
        var dropsBytes = random.Next(4) == 0;
        List<string> symbols = [.. ByteChars().Where(_ => !dropsBytes || random.Next(10) != 0)];
        var (vocabulary, merges) = Train(random, symbols);
        vocabulary["<unk>"] = vocabulary.Count;
        var json = Assemble(random, vocabulary, merges);
        json["normalizer"] = Normalizer(random);
        json["pre_tokenizer"] = BytePreTokenizer(random);
        json["decoder"] = new JsonObject { ["type"] = "ByteLevel" };
        json["model"]!["unk_token"] = "<unk>";
        json["model"]!["ignore_merges"] = random.Next(3) == 0;
        return json;
    }

    public static JsonObject Metaspace(Random random)
    {
        List<string> symbols = ["▁", .. RandomTexts.Characters.Where(text => text is not (" " or "▁") && random.Next(4) != 0)];
        var (vocabulary, merges) = Train(random, symbols);
        vocabulary["<unk>"] = vocabulary.Count;
        var fallback = random.Next(2) == 0;
        for (var value = 0; fallback && value < 256; value++)
        {
            vocabulary[$"<0x{value:X2}>"] = vocabulary.Count;
        }

        var json = Assemble(random, vocabulary, merges);
        var model = json["model"]!;
        model["unk_token"] = "<unk>";
        model["byte_fallback"] = fallback;
        var style = random.Next(3);
        if (style == 0)
        {
            // Gemma's: nothing is put first, and the pre-tokenizer finds no space any more.
            json["normalizer"] = Parse("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
            json["pre_tokenizer"] = Split(new JsonObject { ["String"] = " " }, "MergedWithPrevious", false);
            json["decoder"] = Parse("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""");
        }
        else if (style == 1)
        {
            json["normalizer"] = Parse("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""");
            model["fuse_unk"] = random.Next(2) == 0;
            json["decoder"] = Parse(
                """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""");
        }
        else
        {
            json["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Metaspace",
                ["replacement"] = "▁",
                ["prepend_scheme"] = Pick(random, "always", "first", "never"),
                ["split"] = false,
            };
            json["decoder"] = Parse("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""");
        }

        return json;
    }

    private static JsonObject Assemble(Random random, Dictionary<string, int> vocabulary, List<(string, string)> merges)
    {
        var pairs = random.Next(2) == 0;
        var next = vocabulary.Count;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. AddedContents.Select((content, i) => (JsonNode)new JsonObject
            {
                ["id"] = next + i, ["content"] = content, ["special"] = i < 3, ["normalized"] = false, ["lstrip"] = i == 3, ["rstrip"] = i == 4, ["single_word"] = false,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = null,
            ["post_processor"] = PostProcessor(random, next),
            ["decoder"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = new JsonObject(vocabulary.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
                ["merges"] = new JsonArray([.. merges.Select(rule => pairs ? new JsonArray(rule.Item1, rule.Item2) : (JsonNode)$"{rule.Item1} {rule.Item2}")]),
            },
        };
    }

    /// <summary>Random merges of short tokens, those that were made last twice as likely.</summary>
    private static (Dictionary<string, int> Vocabulary, List<(string, string)> Merges) Train(Random random, List<string> symbols)
    {
        var tokens = symbols.ToList();
        var known = tokens.ToHashSet();
        var frequent = symbols.Where(text => "abcdehstinguTHE ▁Ġ0123.!ĊÃ".Contains(text, StringComparison.Ordinal)).ToList();
        List<(string, string)> merges = [];
        for (var rounds = random.Next(300); rounds > 0; rounds--)
        {
            var pool = random.Next(3) == 0 ? tokens : frequent;
            var (left, right) = (pool[random.Next(pool.Count)], pool[random.Next(pool.Count)]);
            if (left.Length + right.Length <= 8 && known.Add(left + right))
            {
                tokens.Add(left + right);
                frequent.Add(left + right);
                merges.Add((left, right));
            }
        }

        var ids = Enumerable.Range(0, tokens.Count).ToArray();
        random.Shuffle(ids);
        return (tokens.Select((token, i) => (token, ids[i])).ToDictionary(entry => entry.token, entry => entry.Item2), merges);
    }

    private static JsonNode BytePreTokenizer(Random random)
    {
        var plain = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = random.Next(2) == 0, ["use_regex"] = true };
        var bare = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false };
        return random.Next(6) switch
        {
            0 => plain,
            1 => Sequence(new JsonObject { ["type"] = "Digits", ["individual_digits"] = random.Next(2) == 0 }, plain),
            2 => Sequence(
                new JsonObject { ["type"] = "Punctuation", ["behavior"] = "Contiguous" }, plain, Split(new JsonObject { ["Regex"] = "[0-9][0-9][0-9]" }, "Isolated", false)),
            3 => Sequence(Split(new JsonObject { ["String"] = Pick(random, "a", " ", "the") }, "Isolated", false), bare),
            4 => Sequence(Split(new JsonObject { ["Regex"] = Pick(random, ByteLevelPatterns) }, "Removed", true), bare),
            _ => Sequence(Split(new JsonObject { ["Regex"] = Pick(random, ByteLevelPatterns) }, "Isolated", false), bare),
        };
    }

    private static JsonNode? Normalizer(Random random) => random.Next(12) switch
    {
        0 => Parse("""{"type":"NFC"}"""),
        1 => Parse("""{"type":"NFD"}"""),
        2 => Parse("""{"type":"NFKC"}"""),
        3 => Parse("""{"type":"NFKD"}"""),
        4 => Parse("""{"type":"Lowercase"}"""),
        5 => Parse("""{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"}]}"""),
        6 => Parse("""{"type":"Replace","pattern":{"Regex":" {2,}|\\p{So}"},"content":"_"}"""),
        7 => Parse("""{"type":"Replace","pattern":{"String":"ab"},"content":"b"}"""),
        8 => Parse("""{"type":"Strip","strip_left":true,"strip_right":false}"""),
        _ => null,
    };

    private static JsonNode? PostProcessor(Random random, int firstAdded)
    {
        var template = Parse("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|a|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<|end|>","type_id":0}}],"pair":[]}""");
        template["special_tokens"] = new JsonObject
        {
            ["<|a|>"] = new JsonObject { ["id"] = "<|a|>", ["ids"] = new JsonArray(firstAdded), ["tokens"] = new JsonArray("<|a|>") },
            ["<|end|>"] = new JsonObject { ["id"] = "<|end|>", ["ids"] = new JsonArray(firstAdded + 2), ["tokens"] = new JsonArray("<|end|>") },
        };
        return random.Next(4) switch
        {
            0 => null,
            1 => Parse("""{"type":"ByteLevel","trim_offsets":true}"""),
            2 => template,
            _ => new JsonObject { ["type"] = "Sequence", ["processors"] = new JsonArray(Parse("""{"type":"ByteLevel"}"""), template) },
        };
    }

    private static JsonObject Split(JsonObject pattern, string behavior, bool invert) =>
        new() { ["type"] = "Split", ["pattern"] = pattern, ["behavior"] = behavior, ["invert"] = invert };

    private static JsonObject Sequence(params JsonObject[] stages) => new() { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([.. stages]) };

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private static string Pick(Random random, params string[] choices) => choices[random.Next(choices.Length)];

    private static IEnumerable<string> ByteChars() =>
        Enumerable.Range(0, 256).Select(value => (char)value).Where(IsPrintable).Concat(Enumerable.Range(256, 68).Select(value => (char)value)).Select(c => c.ToString());

    private static bool IsPrintable(char c) => c is >= '!' and <= '~' or >= '\u00A1' and <= '\u00AC' or >= '\u00AE' and <= '\u00FF';
}
