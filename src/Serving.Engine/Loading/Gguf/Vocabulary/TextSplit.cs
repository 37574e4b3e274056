using System.Text.Json.Nodes;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf.Vocabulary;

/// <summary>How byte-level tokenizers split a text, by the names that GGUF files have for it, as stages of a <c>tokenizer.json</c>.</summary>
/// <param name="Stages">Makes the pre-tokenizer's stages.</param>
internal sealed record TextSplit(Func<JsonObject[]> Stages)
{
    private const string LlamaHead = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string LlamaTail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Han, Hangul and what lies between, as DeepSeek's first tokenizers write it.</summary>
    private const string EastAsian = "[一-龥ࠀ-一가-퟿]+";

    /// <summary>OpenAI's o200k_base: words begin where lower case turns to upper, and have their contractions with them.</summary>
    private const string O200k = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + Contraction
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + Contraction
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Mistral's Tekken: the same without contractions, digits one by one.</summary>
    private const string Tekken = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        + @"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Tencent's, words with the mark of punctuation that stands before them.</summary>
    private const string Hunyuan = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Qwen 3.5's: Qwen 2's, with marks in words.</summary>
    private const string Qwen35 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Contraction = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

    private static readonly TextSplit Llama3 = new(() => [Pattern(LlamaHead + @"\p{N}{1,3}" + LlamaTail), ByteLevel(false)]);
    private static readonly TextSplit Qwen2 = new(() => [Pattern(LlamaHead + @"\p{N}" + LlamaTail), ByteLevel(false)]);
    private static readonly TextSplit Gpt2 = new(() => [ByteLevel(true)]);
    private static readonly TextSplit GptWithDigits = new(() => [Digits(), ByteLevel(true)]);

    private static readonly Dictionary<string, TextSplit> ByName = new(StringComparer.Ordinal)
    {
        ["llama-bpe"] = Llama3 with { IgnoresMerges = true, AddsBos = true },
        ["llama3"] = Llama3 with { IgnoresMerges = true, AddsBos = true },
        ["llama-v3"] = Llama3 with { IgnoresMerges = true, AddsBos = true },
        ["falcon3"] = Llama3 with { IgnoresMerges = true, AddsBos = true },
        ["pixtral"] = Llama3 with { IgnoresMerges = true, AddsBos = true },
        ["tekken"] = new(() => [Pattern(Tekken), ByteLevel(false)]) { IgnoresMerges = true, AddsBos = true },
        ["minicpm5"] = new(() => [Pattern(@"\p{N}{1,3}"), Pattern(LlamaHead + @"\p{N}+" + LlamaTail), ByteLevel(false)]) { IgnoresMerges = true },
        ["smaug-bpe"] = Llama3,
        ["hunyuan-dense"] = new(() => [Pattern(@"\p{N}{1,3}"), Pattern("[一-龥぀-ゟ゠-ヿ]+"), Pattern(Hunyuan), ByteLevel(false)]),
        ["dbrx"] = Llama3,
        ["glm4"] = Llama3,
        ["chatglm-bpe"] = Llama3,
        ["qwen2"] = Qwen2 with { Normalizer = "NFC" },
        ["qwen35"] = new(() => [Pattern(Qwen35), ByteLevel(false)]) { Normalizer = "NFC" },
        ["stablelm2"] = Qwen2,
        ["deepseek-r1-qwen"] = Qwen2 with { Normalizer = "NFC" },
        ["gpt-4o"] = new(() => [Pattern(O200k), ByteLevel(false)]),
        ["gpt-2"] = Gpt2,
        ["phi-2"] = Gpt2,
        ["olmo"] = Gpt2,
        ["exaone4"] = Gpt2,
        ["seed-coder"] = new(() => [Pattern(LlamaHead + @"\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"), ByteLevel(false)]),
        ["smollm"] = GptWithDigits,
        ["starcoder"] = GptWithDigits,
        ["command-r"] = GptWithDigits with { Normalizer = "NFC" },
        ["refact"] = GptWithDigits,
        ["exaone"] = GptWithDigits,
        ["deepseek-coder"] = new(() => [Pattern(@"[\r\n]"), Pattern(@"\s?\p{L}+"), Pattern(@"\s?\p{P}+"), Pattern(EastAsian), Digits(), ByteLevel(false)]),
    };

    /// <summary>Whether a word that is a token is that token, whatever merges make of it.</summary>
    public bool IgnoresMerges { get; private init; }

    /// <summary>Whether a text gets the token that begins texts where the file does not say.</summary>
    public bool AddsBos { get; private init; }

    /// <summary>The form that a text is brought into first; null for none.</summary>
    public string? Normalizer { get; private init; }

    /// <summary>The split of a name.</summary>
    /// <exception cref="MalformedFileException">One that is not done; the message lists those that are.</exception>
    public static TextSplit Of(string name) => ByName.GetValueOrDefault(name) ?? throw new MalformedFileException(
        $"pre-tokenizer {MalformedFileException.Quote(name)} is not supported ({string.Join(", ", ByName.Keys)} are)");

    private static JsonObject Pattern(string regex) =>
        new() { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = regex }, ["behavior"] = "Isolated", ["invert"] = false };

    private static JsonObject Digits() => new() { ["type"] = "Digits", ["individual_digits"] = true };

    private static JsonObject ByteLevel(bool splitsLikeGpt2) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = splitsLikeGpt2 };
}
