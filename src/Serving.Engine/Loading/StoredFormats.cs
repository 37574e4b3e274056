using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Finds the matrices that a program would keep as integers and the checkpoint holds at four bits: they stay so where that changes no bit of an answer. MXFP4 (gpt-oss's experts) does next to eight bits, and next to
/// four nothing is rounded. So are the codes of IQ4 (GGUF's IQ4_NL and IQ4_XS). Integers from −8 to 7 without zero points do next to eight bits: those would hold the same integers with the same scales, so that
/// every product is the same number.
/// Four bits with zero points or minimums stay, too: what is rounded then is a scale and an offset for 32 inputs, to bf16, and not the integers themselves.
/// </summary>
public static class StoredFormats
{
    private static readonly WeightFormat[] OfFourBits = [WeightFormat.Mxfp4, WeightFormat.Int4, WeightFormat.Iq4, WeightFormat.Int4Asymmetric];

    /// <summary>The program with those matrices in the formats that the checkpoint has them in.</summary>
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

    /// <summary>
    /// A program of bf16 with those matrices as integers that the files have quantized, and all others as they are: what a GPU is given when nobody asks for a format. Four bits stay where they do under
    /// eight; every other kind of codes, FP8 among them, becomes eight bits: a file was chosen for the card that it fits. A matrix that is put together stays in bf16 where a part of it is of plain floats.
    /// </summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    internal static ModelProgram KeepQuantized(ModelProgram program, IWeightFiles files)
    {
        var sources = WeightLoader.Match(program, files);
        var inEight = ProgramQuantization.Apply(program, WeightFormat.Int8).Weights;
        return Keep(program with { Weights = [.. program.Weights.Select(weight => weight.Parts.All(part => sources(part).IsQuantized) ? inEight[weight.Index] : weight)] }, sources);
    }

    private static ModelProgram Keep(ModelProgram program, Func<WeightPart, RowSource> sources) =>
        program with { Weights = [.. program.Weights.Select(weight => weight with { Format = FormatOf(weight, sources) })] };

    /// <summary>An embedding that is looked up stays at eight bits: hardly any of it is read in a step.</summary>
    private static WeightFormat FormatOf(WeightSpec weight, Func<WeightPart, RowSource> sources)
    {
        var isAsked = weight is { Kind: WeightKind.Matrix, Format: WeightFormat.Int8 or WeightFormat.Int4 } && weight.Parts.All(part => part.Scale == 1);
        return isAsked ? OfFourBits.Where(format => weight.Parts.All(part => sources(part).Holds(format))).FirstOrDefault(weight.Format) : weight.Format;
    }
}
