using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Gguf.Vocabulary;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Tokenizers of published models from the shared test data; where only vocabulary and merges are there, the rest is put together.</summary>
internal static class PublishedTokenizers
{
    private const string LlamaHead = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    /// <summary>Letters of DeepSeek's first models, which name characters beyond the basic plane.</summary>
    private const string DeepSeekLetters =
        "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

    private const string LlamaTail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly Dictionary<string, Tokenizer> Loaded = [];

    public static Tokenizer Get(string name)
    {
        lock (Loaded)
        {
            return Loaded.TryGetValue(name, out var tokenizer) ? tokenizer : Loaded[name] = Load(name);
        }
    }

    private static Tokenizer Load(string name) => name switch
    {
        "gpt2" => FromGguf("ggml-vocab-gpt-2.gguf", ByteLevel(useRegex: true)),
        "deepseek-coder" => FromGguf(
            "ggml-vocab-deepseek-coder.gguf",
            Split(@"[\r\n]"), Split(@"\s?\p{L}+"), Split(@"\s?\p{P}+"), Split("[一-龥ࠀ-一가-퟿]+"), Digits(), ByteLevel(useRegex: false)),
        "deepseek-llm" => FromGguf(
            "ggml-vocab-deepseek-llm.gguf",
            Split(@"[\r\n]"), Split(DeepSeekLetters), Split(@"\s?[!-/:-~！-／：-～‘-‟　-。]+"), Split(@"\s+$"), Split("[一-龥ࠀ-一가-퟿]+"), Digits(), ByteLevel(useRegex: false)),
        "llama3.2" => FromMerges("llama3.2-bpe", "encoder.json", "vocab.bpe", Split(LlamaHead + @"\p{N}{1,3}" + LlamaTail), true, "llama3-instruct"),
        "qwen2.5" => FromMerges("qwen2.5", "vocab.json", "merges.txt", Split(LlamaHead + @"\p{N}" + LlamaTail), false, "qwen2.5"),
        _ => Tokenizer.Load(Repository.SharedData("tokenizers", name)),
    };

    private static Tokenizer FromMerges(string folder, string vocabulary, string merges, JsonObject split, bool ignoreMerges, string configFolder)
    {
        using var vocab = JsonDocument.Parse(File.ReadAllBytes(Repository.SharedData("tokenizers", folder, vocabulary)));
        var rules = File.ReadLines(Repository.SharedData("tokenizers", folder, merges)).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        var json = Assemble(JsonNode.Parse(vocab.RootElement.GetRawText())!.AsObject(), rules, [split, ByteLevel(useRegex: false)]);
        json["model"]!["ignore_merges"] = ignoreMerges;
        return Parse(json, File.ReadAllBytes(Repository.SharedData("tokenizers", configFolder, "tokenizer_config.json")));
    }

    private static Tokenizer FromGguf(string file, params JsonObject[] stages)
    {
        using var stream = File.OpenRead(Repository.SharedData("tokenizers", "llama.cpp-vocab", file));
        var gguf = new GgufVocabulary(GgufHeader.Read(stream, stream.Length).Metadata);
        var vocabulary = new JsonObject(gguf.Tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)JsonValue.Create(id))));
        var json = Assemble(vocabulary, gguf.Merges, stages);
        json["added_tokens"] = new JsonArray([.. gguf.Tokens.Index().Where(entry => gguf.Kind(entry.Index) is TokenKind.Control or TokenKind.UserDefined).Select(entry => (JsonNode)new JsonObject
        {
            ["id"] = entry.Index, ["content"] = entry.Item, ["special"] = gguf.Kind(entry.Index) == TokenKind.Control, ["normalized"] = false,
        })]);
        return Parse(json, default);
    }

    private static JsonObject Assemble(JsonObject vocabulary, IEnumerable<string> merges, JsonObject[] stages) => new()
    {
        ["pre_tokenizer"] = new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([.. stages]) },
        ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
        ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray([.. merges.Select(rule => (JsonNode)rule)]) },
    };

    private static Tokenizer Parse(JsonObject json, ReadOnlySpan<byte> config) => Tokenizer.Parse(JsonSerializer.SerializeToUtf8Bytes(json), config);

    private static JsonObject ByteLevel(bool useRegex) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = useRegex };

    private static JsonObject Digits() => new() { ["type"] = "Digits", ["individual_digits"] = true };

    private static JsonObject Split(string regex) =>
        new() { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = regex }, ["behavior"] = "Isolated", ["invert"] = false };
}
