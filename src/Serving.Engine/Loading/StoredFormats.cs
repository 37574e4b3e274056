using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Finds the matrices that a program would keep as integers and the checkpoint holds at four bits: they stay so where that changes no bit of an answer. MXFP4 (gpt-oss's experts) does next to eight bits, and next to
/// four nothing is rounded. Integers from −8 to 7 without zero points do next to eight bits: those would hold the same integers with the same scales, so that every product is the same number.
/// Four bits with zero points or minimums stay where the backend has offsets: what is rounded then is a scale and an offset for 32 inputs, to bf16, and not the integers themselves.
/// </summary>
public static class StoredFormats
{
    /// <summary>The program with those matrices in the formats that the checkpoint has them in.</summary>
    /// <param name="program">The model, its matrices in formats of integers where they are to be.</param>
    /// <param name="checkpoint">Its weights.</param>
    /// <param name="scheme">How the checkpoint keeps matrices that are quantized; null where none is.</param>
    /// <param name="offsets">Whether the backend takes <see cref="WeightFormat.Int4Asymmetric"/>.</param>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    public static ModelProgram Keep(ModelProgram program, Checkpoint checkpoint, WeightScheme? scheme, bool offsets)
    {
        ArgumentNullException.ThrowIfNull(program);
        var map = TensorMap.Create(program, checkpoint, scheme);
        return Keep(program, part => map[part], offsets);
    }

    /// <summary>The same, of open files.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    internal static ModelProgram Keep(ModelProgram program, IWeightFiles files, bool offsets) => Keep(program, WeightLoader.Match(program, files), offsets);

    private static ModelProgram Keep(ModelProgram program, Func<WeightPart, RowSource> sources, bool offsets) => program with
    {
        Weights = [.. program.Weights.Select(weight => weight with { Format = FormatOf(weight, sources, offsets) })],
    };

    /// <summary>An embedding that is looked up stays at eight bits: hardly any of it is read in a step.</summary>
    private static WeightFormat FormatOf(WeightSpec weight, Func<WeightPart, RowSource> sources, bool offsets)
    {
        if (weight is not { Kind: WeightKind.Matrix, Format: WeightFormat.Int8 or WeightFormat.Int4 } || weight.Parts.Any(part => part.Scale != 1))
        {
            return weight.Format;
        }

        return AllHold(WeightFormat.Mxfp4) ? WeightFormat.Mxfp4
            : AllHold(WeightFormat.Int4) ? WeightFormat.Int4
            : offsets && AllHold(WeightFormat.Int4Asymmetric) ? WeightFormat.Int4Asymmetric
            : weight.Format;

        bool AllHold(WeightFormat format) => weight.Parts.All(part => sources(part).Holds(format));
    }
}
