namespace Serving.Engine.Loading.Gguf.Vocabulary;

/// <summary>What a token is for, by ggml's numbers, which are SentencePiece's.</summary>
internal enum TokenKind
{
    /// <summary>Text.</summary>
    Normal = 1,

    /// <summary>Stands for what has no token.</summary>
    Unknown = 2,

    /// <summary>Steers the model.</summary>
    Control = 3,

    /// <summary>Text that is one token wherever it stands.</summary>
    UserDefined = 4,

    /// <summary>Not used.</summary>
    Unused = 5,

    /// <summary>A byte.</summary>
    Byte = 6,
}
