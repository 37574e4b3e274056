namespace Serving.Engine.Models;

/// <summary>Names of checkpoint tensors that more than one file needs.</summary>
public static class TensorNames
{
    /// <summary>What stands before the names of a decoder that is a part of a model.</summary>
    public const string LanguageModel = "language_model.";

    /// <summary>What the names of all of a decoder's tensors but its output projection begin with.</summary>
    public const string Decoder = "model.";

    /// <summary>The embedding table.</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>The output projection. A tied checkpoint stores the embedding table under either name, or under both.</summary>
    public const string Head = "lm_head.weight";

    /// <summary>What is added to the logits, in families that have it.</summary>
    public const string HeadBias = "lm_head.bias";

    /// <summary>Where the parts of a model lie that look at images, in either spelling.</summary>
    private static readonly string[] ImageParts = ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.", "model.visual."];

    /// <summary>Whether a tensor or module belongs to a part that looks at images, and so is not served.</summary>
    public static bool IsOfImages(string name) => Array.Exists(ImageParts, part => name.StartsWith(part, StringComparison.Ordinal));

    /// <summary>A name as it is where the decoder is the whole model.</summary>
    public static string WithoutPrefix(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith(LanguageModel, StringComparison.Ordinal) ? name[LanguageModel.Length..] : name;
    }
}
