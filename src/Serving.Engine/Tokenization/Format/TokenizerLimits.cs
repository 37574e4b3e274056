namespace Serving.Engine.Tokenization.Format;

/// <summary>
/// What a tokenizer's files may hold. The largest published vocabularies (Gemma 3: 262,144 tokens, 580,604 merges, 33 MB)
/// fit several times over; a file beyond these is refused before it costs memory or time.
/// </summary>
internal static class TokenizerLimits
{
    /// <summary>Bytes of <c>tokenizer.json</c>.</summary>
    public const int JsonBytes = 128 << 20;

    /// <summary>Bytes of <c>tokenizer_config.json</c> or of a template file.</summary>
    public const int ConfigBytes = 8 << 20;

    /// <summary>Nesting of JSON.</summary>
    public const int JsonDepth = 64;

    /// <summary>Exclusive upper bound of a token id; arrays are indexed by id, so it also bounds gaps.</summary>
    public const int Ids = 1 << 21;

    /// <summary>Merge rules.</summary>
    public const int Merges = 1 << 22;

    /// <summary>UTF-16 units of one token or of one literal in a normalizer or decoder.</summary>
    public const int TokenChars = 8192;

    /// <summary>Added tokens, over both files.</summary>
    public const int AddedTokens = 1 << 16;

    /// <summary>UTF-16 units of all added tokens together, which bounds the automaton that finds them.</summary>
    public const int AddedTokenChars = 1 << 20;

    /// <summary>Stages of one pipeline (normalizer, pre-tokenizer, decoder, post-processor) once sequences are flattened.</summary>
    public const int Stages = 32;

    /// <summary>UTF-16 units of one regular expression.</summary>
    public const int PatternChars = 4096;

    /// <summary>Special tokens that a post-processor may put around a text.</summary>
    public const int FrameTokens = 64;
}
