using System.Text.RegularExpressions;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>A tensor and the open file that holds it.</summary>
internal readonly record struct TensorLocation(SafetensorsReader Reader, TensorEntry Tensor);

/// <summary>Which tensor of a checkpoint fills which part of a program's weights, complete and checked before anything is loaded.</summary>
internal sealed partial class TensorMap
{
    private const int MostNamed = 5;

    private readonly Dictionary<WeightPart, TensorLocation> _locations = [];

    private TensorMap()
    {
    }

    /// <summary>Where a part is.</summary>
    public TensorLocation this[WeightPart part] => _locations[part];

    /// <summary>Matches a program with a checkpoint.</summary>
    /// <exception cref="ModelFormatException">Tensors are missing, superfluous, or of the wrong shape or type.</exception>
    public static TensorMap Create(ModelProgram program, Checkpoint checkpoint)
    {
        var map = new TensorMap();
        var used = new HashSet<string>(StringComparer.Ordinal);
        var missing = new List<string>();
        var names = TensorSpelling.Of(program, checkpoint);
        var tied = program.Weights.All(weight => weight.Parts.All(part => TensorNames.WithoutPrefix(part.TensorName) != TensorNames.Head));
        foreach (var weight in program.Weights)
        {
            foreach (var part in weight.Parts)
            {
                var name = names.Of(part.TensorName);
                used.Add(name);
                if (Find(checkpoint, names, part.TensorName, tied) is not { } location)
                {
                    missing.AddRange(missing.Contains(name) ? [] : [name]);
                    continue;
                }

                Check(location.Tensor, weight, part);
                map._locations[part] = location;
            }
        }

        Refuse("the checkpoint has no tensor", missing);
        Refuse("the model has no place for tensor", [.. checkpoint.TensorNames.Where(name => !used.Contains(name) && !names.IsOfOtherPart(name) && !IsHarmless(names, name, tied)).Order(StringComparer.Ordinal)]);
        return map;
    }

    private static TensorLocation? Find(Checkpoint checkpoint, TensorSpelling names, string name, bool tied)
    {
        var isTied = tied && TensorNames.WithoutPrefix(name) == TensorNames.Embedding;
        if (checkpoint.TryGet(names.Of(name), out var reader, out var tensor) || (isTied && checkpoint.TryGet(names.Head, out reader, out tensor)))
        {
            return new TensorLocation(reader, tensor);
        }

        return null;
    }

    private static void Check(TensorEntry tensor, WeightSpec weight, WeightPart part)
    {
        try
        {
            var length = weight.Parts.Where(other => other.TensorName == part.TensorName).Sum(other => other.Length);
            if (weight.Kind == WeightKind.Vector)
            {
                tensor.Expect(length);
            }
            else if (weight.Experts > 1 && tensor.Shape.Count == 3)
            {
                tensor.Expect(weight.Experts, weight.RowsPerExpert, weight.Columns);
            }
            else
            {
                tensor.Expect(length, weight.Columns);
            }
        }
        catch (MalformedFileException e)
        {
            throw new ModelFormatException(e.Message, e);
        }
    }

    /// <summary>Tensors that some checkpoints carry and no computation reads: the other name of a tied table, and tables made from the config.</summary>
    private static bool IsHarmless(TensorSpelling names, string name, bool tied) => (tied && name == names.Head) || InverseFrequencies().IsMatch(name);

    [GeneratedRegex(@"^(language_model\.)?model\.(language_model\.)?(layers\.[0-9]{1,4}\.self_attn\.)?rotary_emb\.inv_freq$", RegexOptions.CultureInvariant)]
    private static partial Regex InverseFrequencies();

    private static void Refuse(string what, List<string> names)
    {
        if (names.Count > 0)
        {
            var rest = names.Count > MostNamed ? $" and {names.Count - MostNamed} more" : "";
            throw new ModelFormatException($"{what} {string.Join(", ", names.Take(MostNamed).Select(MalformedFileException.Quote))}{rest}");
        }
    }
}
