using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>The two matrices of one slice, or of one expert of it.</summary>
/// <param name="Slice">Index in <c>ModelProgram.Slices</c>.</param>
/// <param name="Expert">Whose; 0 where the slice has one pair.</param>
/// <param name="Module">The module's name in the base model.</param>
/// <param name="Rank">Its rank, by the config.</param>
/// <param name="A">[rank, input width].</param>
/// <param name="B">[outputs of the module, rank].</param>
/// <param name="Magnitudes">[outputs of the module] of DoRA; null of a plain LoRA.</param>
/// <param name="Rows">The slice's rows of B.</param>
internal readonly record struct PeftPair(int Slice, int Expert, string Module, int Rank, TensorEntry A, TensorEntry B, TensorEntry? Magnitudes, WeightPart Rows);

/// <summary>What an adapter's tensors come to.</summary>
/// <param name="Linears">Pairs of Linears, in ascending order of slices and experts.</param>
/// <param name="Experts">Pairs of all experts of a layer, likewise.</param>
internal sealed record PeftMatch(IReadOnlyList<PeftPair> Linears, IReadOnlyList<ExpertPair> Experts);

/// <summary>
/// Matches an adapter's tensors with a program's slices, complete on both sides. Of a mixture of experts an adapter may have all targeted experts or none, and what chooses them
/// in all targeted layers or in none: whether they are modules that it could name depends on the library that it was trained with (transformers 5 has them as parameters).
/// </summary>
internal sealed class PeftPairs
{
    private const string Inner = ".base_layer";

    private readonly PeftConfig _config;
    private readonly PeftModules _modules;
    private readonly bool _isPart;
    private readonly Dictionary<(int Layer, string Part, PeftTensorKind Kind), TensorEntry> _tensors = [];
    private string _layers;

    private PeftPairs(PeftConfig config, ModelProgram program)
    {
        _config = config;
        _modules = new PeftModules(program);
        _isPart = program.Weights.Any(weight => weight.Parts.Any(part => part.TensorName.StartsWith(TensorNames.LanguageModel, StringComparison.Ordinal)));
        _layers = PeftTensorName.LayersOf(_isPart);
    }

    /// <summary>Matches all of them.</summary>
    /// <param name="config">What the adapter's config says.</param>
    /// <param name="header">Its tensors.</param>
    /// <param name="program">The model.</param>
    /// <param name="adaptsExperts">Whether the device runs adapters of experts, and of what chooses them.</param>
    /// <param name="adaptsMagnitudes">Whether it runs DoRA.</param>
    /// <exception cref="MalformedFileException">A tensor is missing, twice there, not targeted or of the wrong shape; the message names it.</exception>
    public static PeftMatch Match(PeftConfig config, SafetensorsHeader header, ModelProgram program, bool adaptsExperts, bool adaptsMagnitudes)
    {
        if (config.HasMagnitudes && !adaptsMagnitudes)
        {
            throw new AdapterFormatException(AdapterFailure.Unsupported, "use_dora is not supported on this device (CPUs and one GPU run it)");
        }

        var pairs = new PeftPairs(config, program);
        pairs.CheckNames();
        foreach (var tensor in header.Tensors.Values.Where(tensor => !pairs._isPart || !PeftTensorName.IsOfImages(tensor.Name)))
        {
            pairs.Add(tensor, adaptsExperts);
        }

        return pairs.Match();
    }

    private void Add(TensorEntry tensor, bool adaptsExperts)
    {
        var name = PeftTensorName.Parse(tensor.Name);
        var ofParameter = _modules.HasParameters(name.Part);
        if (!ofParameter && !_config.Targets.Contains(name.Module, name.Layer) && !_config.Parameters.Contains(name.Module + ".weight"))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} is not of a targeted module");
        }

        if (PeftTensorName.IsOfPart(name.Layers) != _isPart)
        {
            throw Unsupported(tensor, "is not of a projection that this model has");
        }

        if (name.OfMixture is { } what && !ofParameter && (name.IsInner || !_modules.Has(name.Part)))
        {
            throw Unsupported(tensor, $"is a LoRA of {what}, and this model has none under this name");
        }

        if (name.OfMixture is { } kind && !adaptsExperts)
        {
            throw Unsupported(tensor, $"is a LoRA of {kind}, which this device does not run (CPUs do)");
        }

        if (name.Kind == PeftTensorKind.Magnitudes && !_config.HasMagnitudes)
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} is of DoRA, and use_dora is not set");
        }

        _layers = name.Layers;
        if (!_tensors.TryAdd((name.Layer, name.IsInner ? name.Part + Inner : name.Part, name.Kind), tensor))
        {
            throw new MalformedFileException($"the matrix of tensor {MalformedFileException.Quote(tensor.Name)} appears twice");
        }
    }

    private PeftMatch Match()
    {
        var used = new HashSet<TensorEntry>(ReferenceEqualityComparer.Instance);
        var experts = MatchParameters(used);
        var linears = MatchLinears(used);
        if (_tensors.Values.FirstOrDefault(tensor => !used.Contains(tensor)) is { } unused)
        {
            var isParameter = _modules.HasParameters(PeftTensorName.Parse(unused.Name).Part);
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(unused.Name)} is of {(isParameter ? "no targeted parameter" : "a layer that the model does not have")}");
        }

        var ofParameters = experts.SelectMany(pair => pair.Parameter.Slices).Select(slice => slice.Index).ToHashSet();
        if (linears.FindIndex(pair => ofParameters.Contains(pair.Slice)) is >= 0 and var twice)
        {
            throw new MalformedFileException($"module {MalformedFileException.Quote(linears[twice].Module)} is a part of a targeted parameter, too");
        }

        return linears.Count + experts.Count > 0 ? new PeftMatch(linears, experts) : throw new MalformedFileException("the adapter changes nothing in this model");
    }

    private List<PeftPair> MatchLinears(HashSet<TensorEntry> used)
    {
        var parts = _tensors.Keys.Select(key => key.Part).ToHashSet(StringComparer.Ordinal);
        var absent = _modules.All.Where(_modules.IsOfMixture).GroupBy(module => module.Slice.Projection == Projection.Router)
            .Where(group => !group.Any(module => parts.Contains(module.Name))).Select(group => group.Key).ToHashSet();
        var pairs = new List<PeftPair>();
        foreach (var module in _modules.All)
        {
            var name = PeftTensorName.ModuleOf(_layers, module.Slice.Layer, module.Name);
            var isTargeted = _config.Targets.Contains(name, module.Slice.Layer);
            if ((!isTargeted && !_config.Parameters.Contains(name + ".weight")) || (_modules.IsOfMixture(module) && absent.Contains(module.Slice.Projection == Projection.Router)))
            {
                continue;
            }

            var pair = Pair(isTargeted ? name : name + ".weight", module);
            used.UnionWith(pair.Magnitudes is { } magnitudes ? [pair.A, pair.B, magnitudes] : [pair.A, pair.B]);
            pairs.Add(pair);
        }

        return pairs;
    }

    private List<ExpertPair> MatchParameters(HashSet<TensorEntry> used)
    {
        var pairs = new List<ExpertPair>();
        foreach (var parameter in _modules.Parameters)
        {
            var module = PeftTensorName.ModuleOf(_layers, parameter.Layer, $"{parameter.Module}.{parameter.Name}");
            if (_config.Parameters.Contains(module))
            {
                var pair = Pair(module, parameter);
                used.Add(pair.A);
                used.Add(pair.B);
                pairs.Add(pair);
            }
        }

        return pairs;
    }

    /// <summary>Which of a module's parameters a pair is of is told by its shapes: PEFT wraps one around the other, in an order that the names do not show.</summary>
    private ExpertPair Pair(string name, ExpertParameter parameter)
    {
        var rank = _config.RankOf(name);
        foreach (var part in new[] { parameter.Module, parameter.Module + Inner })
        {
            if (_tensors.TryGetValue((parameter.Layer, part, PeftTensorKind.A), out var a) && _tensors.TryGetValue((parameter.Layer, part, PeftTensorKind.B), out var b)
                && a.Shape.Count == 2 && b.Shape.Count == 2 && IsSwapped(name, parameter, a.Shape[1], b.Shape[0]) is { } isSwapped)
            {
                a.Expect(parameter.Experts * rank, a.Shape[1]);
                b.Expect(b.Shape[0], parameter.Experts * rank);
                return new ExpertPair(parameter, name, rank, a, b, isSwapped);
            }
        }

        throw new MalformedFileException($"parameter {MalformedFileException.Quote(name)} is targeted and its lora_A or lora_B is missing, or of another shape");
    }

    /// <summary>Whether lora_A has the outputs as columns; null where the shapes are another parameter's.</summary>
    private bool? IsSwapped(string name, ExpertParameter parameter, long columnsOfA, long rowsOfB)
    {
        var (inputs, outputs) = (parameter.Inputs, parameter.Outputs);
        if (inputs == outputs && (columnsOfA, rowsOfB) == (inputs, outputs))
        {
            return !(_config.Parameters.TakesInputsFirst ?? throw new AdapterFormatException(
                AdapterFailure.Unsupported, $"parameter {MalformedFileException.Quote(name)} is square, and without peft_version nothing says which way its matrices are"));
        }

        return (columnsOfA, rowsOfB) == (inputs, outputs) ? false : (columnsOfA, rowsOfB) == (outputs, inputs) ? true : null;
    }

    private PeftPair Pair(string name, PeftModule module)
    {
        var slice = module.Slice;
        var rank = _config.RankOf(name);
        if (!_tensors.TryGetValue((slice.Layer, module.Name, PeftTensorKind.A), out var a) || !_tensors.TryGetValue((slice.Layer, module.Name, PeftTensorKind.B), out var b))
        {
            throw new MalformedFileException($"module {MalformedFileException.Quote(name)} is targeted and its lora_A or lora_B is missing");
        }

        a.Expect(rank, slice.InputWidth);
        b.Expect(module.Rows, rank);
        if (!_config.HasMagnitudes)
        {
            return new PeftPair(slice.Index, module.Expert, name, rank, a, b, null, module.Part);
        }

        if (!_tensors.TryGetValue((slice.Layer, module.Name, PeftTensorKind.Magnitudes), out var magnitudes))
        {
            throw new MalformedFileException($"module {MalformedFileException.Quote(name)} is targeted, use_dora is set, and its lora_magnitude_vector is missing");
        }

        magnitudes.Expect(module.Rows);
        return new PeftPair(slice.Index, module.Expert, name, rank, a, b, magnitudes, module.Part);
    }

    /// <summary>Refuses listed names that can be neither one of the seven projections nor a module of the model, so that an adapter for another kind of model is told why.</summary>
    private void CheckNames()
    {
        foreach (var name in _config.Parameters.Names)
        {
            var isKnown = _modules.Parameters.Any(parameter => IsOf(parameter.Layer, $"{parameter.Module}.{parameter.Name}"))
                || _modules.All.Any(module => module.Slice.Projection == Projection.Router && IsOf(module.Slice.Layer, module.Name + ".weight"));
            if (!isKnown)
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"target parameter {MalformedFileException.Quote(name)} is not supported");
            }

            bool IsOf(int layer, string part) => PeftTensorName.ModuleOf(_layers, layer, part) is var whole && (whole == name || whole.EndsWith("." + name, StringComparison.Ordinal));
        }

        foreach (var name in _config.Targets.Names)
        {
            var last = name[(name.LastIndexOf('.') + 1)..];
            if (last is not ("q_proj" or "k_proj" or "v_proj" or "o_proj" or "gate_proj" or "up_proj" or "down_proj") && !_modules.HasLast(last))
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"target module {MalformedFileException.Quote(name)} is not supported");
            }
        }
    }

    private static AdapterFormatException Unsupported(TensorEntry tensor, string reason) =>
        new(AdapterFailure.Unsupported, $"tensor {MalformedFileException.Quote(tensor.Name)} {reason}");
}
