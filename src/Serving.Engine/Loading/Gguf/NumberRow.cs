using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Compute.Numerics;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A number that files have in their metadata where checkpoints have a tensor of one element: those of xIELU, layer by layer or one for all.</summary>
internal sealed partial class NumberRow(float number) : RowSource
{
    /// <summary>The number of a tensor of the program; null where the tensor is one in files, too.</summary>
    /// <exception cref="MalformedFileException">It is not there, or no number that can be computed with.</exception>
    public static NumberRow? Find(GgufMetadata metadata, string tensor)
    {
        if (Number().Match(tensor) is not { Success: true } match)
        {
            return null;
        }

        // Without the architecture's name, as llama.cpp has them.
        var (key, layer) = ("xielu." + match.Groups["kind"].Value, int.Parse(match.Groups["layer"].ValueSpan, CultureInfo.InvariantCulture));
        var number = metadata.IsList(key) ? ElementOf(metadata.Numbers(key)!, layer) : metadata.Number(key);
        return number is { } value && Math.Abs(value) < 1e6 ? new NumberRow((float)value) : throw new MalformedFileException($"{key} has no number for layer {layer}");
    }

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch) => values.Fill(BFloat16Bits.FromSingle(number));

    private static double? ElementOf(double[] numbers, int layer) => layer < numbers.Length ? numbers[layer] : null;

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,4})\.mlp\.act_fn\.(?<kind>alpha_p|alpha_n|beta|eps)$", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
