namespace Serving.Engine.Models;

/// <summary>Names of checkpoint tensors that more than one file needs.</summary>
public static class TensorNames
{
    /// <summary>The embedding table.</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>The output projection. A tied checkpoint stores the embedding table under either name, or under both.</summary>
    public const string Head = "lm_head.weight";
}
