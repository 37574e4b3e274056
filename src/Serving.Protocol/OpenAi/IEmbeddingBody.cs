namespace Serving.Protocol.OpenAi;

/// <summary>What all bodies have whose texts are embedded.</summary>
public interface IEmbeddingBody : IRequestBody
{
    /// <summary>The base model or an adapter.</summary>
    string? Model { get; }

    /// <summary>Lower goes first among the tenant's own requests.</summary>
    int? Priority { get; }

    /// <summary>Keep so many tokens of each text; -1 keeps as many as the model takes.</summary>
    int? TruncatePromptTokens { get; }

    /// <summary>"left" cuts the first tokens off, "right" the last; not given is "left".</summary>
    string? TruncationSide { get; }
}
