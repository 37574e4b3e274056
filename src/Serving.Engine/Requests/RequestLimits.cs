namespace Serving.Engine.Requests;

/// <summary>The most of everything that one request may ask for (reliability notes, table A.2).</summary>
/// <param name="MaxModelLength">Tokens of prompt and output together.</param>
/// <param name="VocabularySize">Token ids are below this.</param>
/// <param name="MaxChoices">Largest n.</param>
public sealed record RequestLimits(int MaxModelLength, int VocabularySize, int MaxChoices)
{
    /// <summary>Elements of an embedding at most.</summary>
    public int HiddenSize { get; init; }

    /// <summary>Why prompts are not embedded as the model was made for; null where they are.</summary>
    public string? EmbeddingRefusal { get; init; }

    /// <summary>Inputs of a request to embed: OpenAI's number.</summary>
    public const int EmbeddingInputs = 2048;

    /// <summary>Elements of all its embeddings together: they are in memory until the last one is there (32 MiB).</summary>
    public const int EmbeddingElements = 8 << 20;

    /// <summary>Token ids that are decoded to text for a client: more than a context holds. A body has room for millions, of hundreds of bytes each.</summary>
    public const int DecodedTokens = 1 << 18;

    /// <summary>Messages of a conversation.</summary>
    public const int Messages = 1024;

    /// <summary>Tools that a chat may offer: OpenAI's number.</summary>
    public const int Tools = 128;

    /// <summary>Characters of the JSON Schema of a function's parameters.</summary>
    public const int ToolSchemaLength = 64 << 10;

    /// <summary>Stop strings: OpenAI takes 4, vLLM's clients send more.</summary>
    public const int StopStrings = 32;

    /// <summary>Characters of all of them: the states of each choice's matcher.</summary>
    public const int StopCharacters = 4096;

    /// <summary>Characters of one stop string: the matcher holds back that much text at most.</summary>
    public const int StopStringLength = 1024;

    /// <summary>Stop token ids.</summary>
    public const int StopTokenIds = 64;

    /// <summary>Texts of bad_words: each token's mask looks for all of them at the end of an answer.</summary>
    public const int BadWords = 256;

    /// <summary>Characters of one of them.</summary>
    public const int BadWordLength = 128;

    /// <summary>Entries of logit_bias: OpenAI's number.</summary>
    public const int LogitBias = 300;

    /// <summary>Texts of a choice.</summary>
    public const int Choices = 1024;

    /// <summary>Characters of a constraint: a schema with its descriptions, a pattern, choices together.</summary>
    public const int ConstraintCharacters = 64 << 10;

    /// <summary>top_logprobs: a step's outputs have room for this many.</summary>
    public const int TopLogprobs = Compute.Steps.SampleRow.MaxTopLogprobs;

    /// <summary>Rows that echo with logprobs, or prompt_logprobs, may report: prompt tokens × (top_logprobs + 1).</summary>
    public const int ScoredCells = 2_000_000;
}
