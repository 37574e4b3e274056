using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>The two matrices of one slice.</summary>
/// <param name="Slice">Index in <c>ModelProgram.Slices</c>.</param>
/// <param name="Module">The module's name in the base model.</param>
/// <param name="Rank">Its rank, by the config.</param>
/// <param name="A">[rank, input width].</param>
/// <param name="B">[outputs of the module, rank].</param>
/// <param name="Rows">The slice's rows of B.</param>
internal readonly record struct PeftPair(int Slice, string Module, int Rank, TensorEntry A, TensorEntry B, WeightPart Rows);

/// <summary>Matches an adapter's tensors with a program's slices, complete on both sides.</summary>
internal static class PeftPairs
{
    /// <summary>The pairs in ascending slice order.</summary>
    /// <exception cref="MalformedFileException">A tensor is missing, twice there, not targeted or of the wrong shape; the message names it.</exception>
    public static IReadOnlyList<PeftPair> Match(PeftConfig config, SafetensorsHeader header, ModelProgram program)
    {
        var modules = new PeftModules(program);
        CheckNames(config.Targets, modules);
        var tensors = new Dictionary<(int Layer, string Part, bool IsA), TensorEntry>();
        var isPart = program.Weights.Any(weight => weight.Parts.Any(part => part.TensorName.StartsWith(TensorNames.LanguageModel, StringComparison.Ordinal)));
        var layers = PeftTensorName.LayersOf(isPart);
        foreach (var tensor in header.Tensors.Values)
        {
            if (isPart && PeftTensorName.IsOfImages(tensor.Name))
            {
                continue;
            }

            var name = PeftTensorName.Parse(tensor.Name);
            if (!config.Targets.Contains(name.Module, name.Layer))
            {
                throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} is not of a targeted module");
            }

            if (PeftTensorName.IsOfPart(name.Layers) != isPart)
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"tensor {MalformedFileException.Quote(tensor.Name)} is not of a projection that this model has");
            }

            layers = name.Layers;
            if (!tensors.TryAdd((name.Layer, name.Part, name.IsA), tensor))
            {
                throw new MalformedFileException($"the matrix of tensor {MalformedFileException.Quote(tensor.Name)} appears twice");
            }
        }

        var pairs = new List<PeftPair>();
        var used = new HashSet<TensorEntry>(ReferenceEqualityComparer.Instance);
        foreach (var slice in program.Slices)
        {
            var module = PeftTensorName.ModuleOf(layers, slice.Layer, modules[slice].Name);
            if (config.Targets.Contains(module, slice.Layer))
            {
                var pair = Pair(config, slice, module, modules[slice], tensors);
                used.Add(pair.A);
                used.Add(pair.B);
                pairs.Add(pair);
            }
        }

        return tensors.Values.FirstOrDefault(tensor => !used.Contains(tensor)) is { } unused
            ? throw new MalformedFileException($"tensor {MalformedFileException.Quote(unused.Name)} is of a layer that the model does not have")
            : pairs.Count > 0 ? pairs : throw new MalformedFileException("the adapter changes nothing in this model");
    }

    private static PeftPair Pair(
        PeftConfig config, LoraSlice slice, string name, PeftModule module, Dictionary<(int Layer, string Part, bool IsA), TensorEntry> tensors)
    {
        var rank = config.RankOf(name);
        if (!tensors.TryGetValue((slice.Layer, module.Name, true), out var a) || !tensors.TryGetValue((slice.Layer, module.Name, false), out var b))
        {
            throw new MalformedFileException($"module {MalformedFileException.Quote(name)} is targeted and its lora_A or lora_B is missing");
        }

        a.Expect(rank, slice.InputWidth);
        b.Expect(module.Rows, rank);
        return new PeftPair(slice.Index, name, rank, a, b, module.Part);
    }

    /// <summary>Refuses listed names that can be neither one of the seven projections nor a module of the model, so that an adapter for another kind of model is told why.</summary>
    private static void CheckNames(PeftTargets targets, PeftModules modules)
    {
        foreach (var name in targets.Names)
        {
            var last = name[(name.LastIndexOf('.') + 1)..];
            if (last is not ("q_proj" or "k_proj" or "v_proj" or "o_proj" or "gate_proj" or "up_proj" or "down_proj") && !modules.HasLast(last))
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"target module {MalformedFileException.Quote(name)} is not supported");
            }
        }
    }
}
