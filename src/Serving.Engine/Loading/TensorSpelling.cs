using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// How a checkpoint spells the names of a program's tensors. Of a model whose decoder is a part of it there are two spellings, <c>language_model.model.…</c> and, as newer
/// libraries save it, <c>model.language_model.…</c> with <c>lm_head.weight</c> outermost. A decoder that was saved without its output projection, as models for embeddings are, has names
/// without <c>model.</c>
/// </summary>
/// <param name="IsPart">Whether the decoder is a part of the model.</param>
/// <param name="IsNewer">Whether the checkpoint has the newer spelling.</param>
/// <param name="IsBare">Whether it was saved without its output projection.</param>
internal readonly record struct TensorSpelling(bool IsPart, bool IsNewer, bool IsBare)
{
    private const string Older = TensorNames.LanguageModel + TensorNames.Decoder;
    private const string Newer = TensorNames.Decoder + TensorNames.LanguageModel;

    /// <summary>The output projection.</summary>
    public string Head => Of(IsPart ? TensorNames.LanguageModel + TensorNames.Head : TensorNames.Head);

    /// <summary>The spelling of a checkpoint for a program.</summary>
    public static TensorSpelling Of(ModelProgram program, Checkpoint checkpoint)
    {
        var isPart = program.Weights.Any(weight => weight.Parts.Any(part => part.TensorName.StartsWith(TensorNames.LanguageModel, StringComparison.Ordinal)));
        return new TensorSpelling(
            isPart, isPart && checkpoint.TensorNames.Any(name => name.StartsWith(Newer, StringComparison.Ordinal)), !isPart && checkpoint.TensorNames.Contains(TensorNames.Embedding[TensorNames.Decoder.Length..]));
    }

    /// <summary>The checkpoint's name for a name of the program.</summary>
    public string Of(string name)
    {
        if (!IsNewer)
        {
            return IsBare && name.StartsWith(TensorNames.Decoder, StringComparison.Ordinal) ? name[TensorNames.Decoder.Length..] : name;
        }

        return name.StartsWith(Older, StringComparison.Ordinal) ? Newer + name[Older.Length..] : TensorNames.WithoutPrefix(name);
    }

    /// <summary>Whether a tensor belongs to a part of the model that is not served: what looks at images.</summary>
    public bool IsOfOtherPart(string name) => IsPart && TensorNames.IsOfImages(name);
}
