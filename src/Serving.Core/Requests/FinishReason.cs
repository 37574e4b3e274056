namespace Serving.Core.Requests;

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-sequence token, a stop token or a stop string.</summary>
    Stop,

    /// <summary>max_tokens, or the model's context, is used up.</summary>
    Length,

    /// <summary>The client went away or cancelled.</summary>
    Cancelled,

    /// <summary>It failed; the error says why.</summary>
    Failed,
}
