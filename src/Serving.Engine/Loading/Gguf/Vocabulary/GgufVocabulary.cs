using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf.Vocabulary;

/// <summary>What a file says about its tokens, under <c>tokenizer.ggml</c>.</summary>
internal sealed class GgufVocabulary
{
    private const string Prefix = "tokenizer.ggml.";
    private const int MaxTokens = 1 << 21;

    /// <summary>Texts by which chat models end a turn, whether or not a key of the file names their token: converters leave that out, and every reader of these files looks for them.</summary>
    private static readonly string[] TurnEnds = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"];

    private readonly GgufMetadata _metadata;
    private readonly long[]? _types;

    /// <summary>Reads the tokens.</summary>
    /// <exception cref="MalformedFileException">Something is missing or not what it should be.</exception>
    public GgufVocabulary(GgufMetadata metadata)
    {
        _metadata = metadata;
        Tokens = metadata.Texts(Prefix + "tokens") ?? throw GgufMetadata.Missing(Prefix + "tokens");
        if (Tokens.Count is 0 or > MaxTokens)
        {
            throw new MalformedFileException($"{Prefix}tokens has {Tokens.Count} tokens");
        }

        _types = SameLength(metadata.Integers(Prefix + "token_type"), "token_type");
        Scores = SameLength(metadata.Numbers(Prefix + "scores"), "scores");
    }

    /// <summary>The tokens' texts, by id.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>How likely each is, as SentencePiece learnt it; null without.</summary>
    public double[]? Scores { get; }

    /// <summary>The kind of tokenizer: gpt2 (bytes) or llama (SentencePiece).</summary>
    public string Model => _metadata.Text(Prefix + "model") ?? throw GgufMetadata.Missing(Prefix + "model");

    /// <summary>How text is split before it is encoded: the name of a model that splits so.</summary>
    public string Split => _metadata.Text(Prefix + "pre") ?? throw GgufMetadata.Missing(Prefix + "pre");

    /// <summary>The rules of merging, first ones first.</summary>
    public string[] Merges => _metadata.Texts(Prefix + "merges") ?? throw GgufMetadata.Missing(Prefix + "merges");

    /// <summary>Whether a text gets a space in front; null where the file does not say.</summary>
    public bool? AddsSpace => _metadata.Flag(Prefix + "add_space_prefix");

    /// <summary>Whether a text gets the token that begins texts; null where the file does not say.</summary>
    public bool? AddsBos => _metadata.Flag(Prefix + "add_bos_token");

    /// <summary>Whether it gets the token that ends texts.</summary>
    public bool? AddsEos => _metadata.Flag(Prefix + "add_eos_token");

    /// <summary>The token that begins texts.</summary>
    public int? Bos => Id("bos_token_id");

    /// <summary>The token that ends texts.</summary>
    public int? Eos => Id("eos_token_id");

    /// <summary>The token of what has none.</summary>
    public int? Unknown => Id("unknown_token_id");

    /// <summary>Every token that ends an answer: of a text, of a turn, of a message.</summary>
    public IReadOnlyList<int> Ends => [.. new[] { Eos, Id("eot_token_id"), Id("eom_token_id") }.OfType<int>()
        .Concat(Enumerable.Range(0, Tokens.Count).Where(id => Kind(id) is TokenKind.Control or TokenKind.UserDefined && TurnEnds.Contains(Tokens[id]))).Distinct().Order()];

    /// <summary>The chat template.</summary>
    public string? ChatTemplate => _metadata.Text("tokenizer.chat_template");

    /// <summary>The template for conversations that offer tools, where it is another.</summary>
    public string? ToolChatTemplate => _metadata.Text("tokenizer.chat_template.tool_use");

    /// <summary>What a token is for.</summary>
    public TokenKind Kind(int id) => _types is null ? TokenKind.Normal : (TokenKind)_types[id];

    private int? Id(string name) => _metadata.Integer(Prefix + name) is not { } id ? null : id >= 0 && id < Tokens.Count
        ? (int)id
        : throw new MalformedFileException($"{Prefix}{name} is not one of the {Tokens.Count} tokens");

    private T[]? SameLength<T>(T[]? values, string name) => values is null || values.Length == Tokens.Count
        ? values
        : throw new MalformedFileException($"{Prefix}{name} does not have a number for every token");
}
