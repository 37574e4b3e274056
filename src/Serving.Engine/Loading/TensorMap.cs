using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>Which tensors of a checkpoint fill which part of a program's weights, complete and checked before anything is loaded.</summary>
internal sealed partial class TensorMap
{
    private const string BiasSuffix = ".bias";

    private readonly Checkpoint _checkpoint;
    private readonly WeightScheme? _scheme;
    private readonly TensorSpelling _names;
    private readonly bool _tied;
    private readonly bool _mayGuess;
    private readonly Dictionary<string, int> _rows;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RowSource> _sources = new(StringComparer.Ordinal);

    private TensorMap(ModelProgram program, Checkpoint checkpoint, WeightScheme? scheme)
    {
        _checkpoint = checkpoint;
        _scheme = scheme;
        _names = TensorSpelling.Of(program, checkpoint);
        _mayGuess = program.Shape.StateBytes > 0;
        _rows = TensorLengths.Of(program);
        _tied = program.Weights.All(weight => weight.Parts.All(part => TensorNames.WithoutPrefix(part.TensorName) != TensorNames.Head));
    }

    /// <summary>Where the tensor of a part is read from.</summary>
    public RowSource this[WeightPart part] => _sources[part.TensorName];

    /// <summary>Matches a program with a checkpoint.</summary>
    /// <param name="program">The model.</param>
    /// <param name="checkpoint">Its weights.</param>
    /// <param name="scheme">How the checkpoint keeps matrices that are quantized; null where none is.</param>
    /// <exception cref="ModelFormatException">Tensors are missing, superfluous, or of the wrong shape or type.</exception>
    public static TensorMap Create(ModelProgram program, Checkpoint checkpoint, WeightScheme? scheme)
    {
        try
        {
            var map = new TensorMap(program, checkpoint, scheme);
            map.OpenAll(program);
            map.RefuseRest();
            return map;
        }
        catch (MalformedFileException e) when (e is not ModelFormatException)
        {
            throw new ModelFormatException(e.Message, e);
        }
    }

    private void OpenAll(ModelProgram program)
    {
        var missing = new List<string>();
        foreach (var weight in program.Weights)
        {
            foreach (var part in weight.Parts)
            {
                var name = _names.Of(part.TensorName);
                _used.Add(name);
                if (_sources.ContainsKey(part.TensorName))
                {
                    continue;
                }

                if (Open(name, weight, part, _rows[part.TensorName]) is { } source)
                {
                    _sources.Add(part.TensorName, source);
                }
                else
                {
                    missing.AddRange(missing.Contains(name) ? [] : [name]);
                }
            }
        }

        TensorRefusal.Check("the checkpoint has no tensor", missing);
    }

    /// <summary>A tensor's rows, of a quantized module or as they are; null when it is missing.</summary>
    private RowSource? Open(string name, WeightSpec weight, WeightPart part, int length)
    {
        var isVector = weight.Kind == WeightKind.Vector;
        if (!isVector && _scheme?.Open(ModuleOf(name, weight), length, weight.Columns) is { } quantized)
        {
            return quantized;
        }

        if (Find(name, part.TensorName) is not { } tensor)
        {
            return isVector ? null : OpenStacked(name, weight, length);
        }

        if (weight.Format == WeightFormat.Float32)
        {
            return OpenFloats(tensor, part, length);
        }

        if (part.IsTransposed)
        {
            tensor.Entry.Expect(weight.Experts, weight.Columns, weight.RowsPerExpert);
            return new TransposedExperts(tensor);
        }

        if (isVector && length == 1 && tensor.Entry.Shape.Count == 0)
        {
            tensor.Entry.Expect();
            return new StoredRows(tensor, 1);
        }

        if (part.TensorRows > 1)
        {
            tensor.Entry.Expect(part.TensorRows, length / part.TensorRows);
            return new StoredRows(tensor, 1);
        }

        var isStacked = weight.Experts > 1 && tensor.Entry.Shape.Count == (isVector ? 2 : 3);
        tensor.Entry.Expect([.. isStacked ? [weight.Experts, weight.RowsPerExpert] : (long[])[length], .. isVector ? (long[])[] : [weight.Columns]]);
        return new StoredRows(tensor, isVector ? 1 : weight.Columns);
    }

    /// <summary>A vector that a recurrence reads: a convolution's weight lies column by column, and rates are logarithms.</summary>
    private static RowSource OpenFloats(StoredTensor tensor, WeightPart part, int length)
    {
        if (part.Taps > 0)
        {
            tensor.Entry.Expect(length / part.Taps, 1, part.Taps);
            return new TapRows(new StoredRows(tensor, part.Taps), part.Taps, length / part.Taps);
        }

        tensor.Entry.Expect(length);
        return part.IsRate ? new RateRows(new StoredRows(tensor, 1), tensor.Name) : new StoredRows(tensor, 1);
    }

    /// <summary>An expert's matrix where the checkpoint stacks those of all experts in one tensor, as transformers 5 saves them: [experts, gate and up, inputs] and [experts, outputs, inputs].</summary>
    private OffsetRows? OpenStacked(string name, WeightSpec weight, int length)
    {
        if (Expert().Match(name) is not { Success: true } match)
        {
            return null;
        }

        var (module, matrix, expert) = (match.Groups["module"].Value, match.Groups["matrix"].Value, int.Parse(match.Groups["expert"].ValueSpan, CultureInfo.InvariantCulture));
        var stack = module + (matrix == "down" ? "down_proj" : "gate_up_proj");
        if (!_checkpoint.TryGet(stack, out var reader, out var entry))
        {
            return null;
        }

        _used.Add(stack);
        entry.Expect(weight.Experts, weight.RowsPerExpert, weight.Columns);
        return new OffsetRows(new StoredRows(new StoredTensor(reader, entry), weight.Columns), (expert * weight.RowsPerExpert) + (matrix == "up" ? length : 0));
    }

    private ModuleTensors ModuleOf(string name, WeightSpec weight)
    {
        var end = name.LastIndexOf('.');
        return new ModuleTensors(_checkpoint, name[..end], _used) { Parameter = name[(end + 1)..], Experts = weight.Experts };
    }

    private StoredTensor? Find(string name, string programName)
    {
        var isTied = _tied && TensorNames.WithoutPrefix(programName) == TensorNames.Embedding;
        if (_checkpoint.TryGet(name, out var reader, out var entry) || (isTied && _checkpoint.TryGet(_names.Head, out reader, out entry)))
        {
            return new StoredTensor(reader, entry);
        }

        return null;
    }

    private void RefuseRest()
    {
        var rest = _checkpoint.TensorNames.Where(name => !_used.Contains(name) && !_names.IsOfOtherPart(name) && !IsHarmless(name));
        TensorRefusal.Check("the model has no place for tensor", rest);
    }

    /// <summary>Tensors that some checkpoints carry and no computation reads: the other name of a tied table, tables made from the config, layers that guess tokens ahead, what a scheme has beside its weights.</summary>
    private bool IsHarmless(string name) => (_mayGuess && (name.StartsWith("mtp.", StringComparison.Ordinal) || name.StartsWith("model.mtp.", StringComparison.Ordinal))) || (_tied && name == _names.Head) || InverseFrequencies().IsMatch(name)
        || (_scheme is not null && (_scheme.IsUnread(name) || (_scheme.AddsBiases && IsZeroBias(name))));

    private bool IsZeroBias(string name)
    {
        return name.EndsWith(BiasSuffix, StringComparison.Ordinal)
            && _checkpoint.TryGet(name, out var reader, out var entry)
            && entry.Shape.Count == 1 && entry.Length <= ConfigReader.MaxOutputs && TensorTypes.IsLoadable(entry.Type)
            && Array.TrueForAll(new StoredTensor(reader, entry).ReadSingles(0, (int)entry.Length), value => value == 0);
    }

    [GeneratedRegex(@"^(?<module>.+\.mlp\.experts\.)(?<expert>[0-9]{1,4})\.(?<matrix>gate|up|down)_proj\.weight$", RegexOptions.CultureInvariant)]
    private static partial Regex Expert();

    [GeneratedRegex(@"^(language_model\.)?model\.(language_model\.)?(layers\.[0-9]{1,4}\.self_attn\.)?rotary_emb\.inv_freq$", RegexOptions.CultureInvariant)]
    private static partial Regex InverseFrequencies();
}
