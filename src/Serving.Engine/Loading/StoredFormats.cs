using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Finds the matrices that a program would keep as integers and the checkpoint holds in MXFP4 (gpt-oss's experts): they stay in it. Next to eight bits that changes no bit of an answer and takes half the
/// memory; next to four, nothing is rounded.
/// </summary>
public static class StoredFormats
{
    /// <summary>The program with those matrices in MXFP4.</summary>
    /// <param name="program">The model, its matrices in formats of integers where they are to be.</param>
    /// <param name="checkpoint">Its weights.</param>
    /// <param name="scheme">How the checkpoint keeps matrices that are quantized; null where none is.</param>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    public static ModelProgram Keep(ModelProgram program, Checkpoint checkpoint, WeightScheme? scheme)
    {
        ArgumentNullException.ThrowIfNull(program);
        var map = TensorMap.Create(program, checkpoint, scheme);
        return Keep(program, part => map[part]);
    }

    /// <summary>The same, of open files.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    internal static ModelProgram Keep(ModelProgram program, IWeightFiles files) => Keep(program, WeightLoader.Match(program, files));

    private static ModelProgram Keep(ModelProgram program, Func<WeightPart, RowSource> sources) => program with
    {
        Weights = [.. program.Weights.Select(weight => IsStored(weight, sources) ? weight with { Format = WeightFormat.Mxfp4 } : weight)],
    };

    /// <summary>An embedding that is looked up stays at eight bits: hardly any of it is read in a step.</summary>
    private static bool IsStored(WeightSpec weight, Func<WeightPart, RowSource> sources) => weight is { Kind: WeightKind.Matrix, Format: WeightFormat.Int8 or WeightFormat.Int4 }
        && weight.Parts.All(part => part.Scale == 1 && sources(part).Holds(WeightFormat.Mxfp4));
}
