namespace Serving.Engine.Models;

/// <summary>LayerNorms of every head of q and k by a weight of its own: how checkpoints keep these weights.</summary>
public enum HeadNorms
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>In one tensor, a row for each head (Command R+).</summary>
    Together,

    /// <summary>In a tensor for each head (StableLM 2 12B).</summary>
    Apart,
}
