using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>The two matrices of one slice.</summary>
/// <param name="Slice">Index in <c>ModelProgram.Slices</c>.</param>
/// <param name="Module">The module's name in the base model.</param>
/// <param name="Rank">Its rank, by the config.</param>
/// <param name="A">[rank, input width].</param>
/// <param name="B">[output width, rank].</param>
internal readonly record struct PeftPair(int Slice, string Module, int Rank, TensorEntry A, TensorEntry B);

/// <summary>Matches an adapter's tensors with a program's slices, complete on both sides.</summary>
internal static class PeftPairs
{
    /// <summary>The pairs in ascending slice order.</summary>
    /// <exception cref="MalformedFileException">A tensor is missing, twice there, not targeted or of the wrong shape; the message names it.</exception>
    public static IReadOnlyList<PeftPair> Match(PeftConfig config, SafetensorsHeader header, ModelProgram program)
    {
        CheckNames(config.Targets);
        var tensors = new Dictionary<(int Layer, Projection Projection, bool IsA), TensorEntry>();
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
            if (!tensors.TryAdd((name.Layer, name.Projection, name.IsA), tensor))
            {
                throw new MalformedFileException($"the matrix of tensor {MalformedFileException.Quote(tensor.Name)} appears twice");
            }
        }

        var pairs = new List<PeftPair>();
        foreach (var slice in program.Slices)
        {
            var module = PeftTensorName.ModuleOf(layers, slice.Layer, slice.Projection);
            if (config.Targets.Contains(module, slice.Layer))
            {
                pairs.Add(Pair(config, slice, module, tensors));
            }
        }

        return tensors.Count > 0
            ? throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensors.Values.First().Name)} is of a layer that the model does not have")
            : pairs.Count > 0 ? pairs : throw new MalformedFileException("the adapter changes nothing in this model");
    }

    private static PeftPair Pair(
        PeftConfig config, LoraSlice slice, string module, Dictionary<(int Layer, Projection Projection, bool IsA), TensorEntry> tensors)
    {
        var rank = config.RankOf(module);
        if (!tensors.Remove((slice.Layer, slice.Projection, true), out var a) || !tensors.Remove((slice.Layer, slice.Projection, false), out var b))
        {
            throw new MalformedFileException($"module {MalformedFileException.Quote(module)} is targeted and its lora_A or lora_B is missing");
        }

        a.Expect(rank, slice.InputWidth);
        b.Expect(slice.OutputWidth, rank);
        return new PeftPair(slice.Index, module, rank, a, b);
    }

    /// <summary>Refuses listed names that cannot be one of the seven projections, so that an adapter for another kind of model is told why.</summary>
    private static void CheckNames(PeftTargets targets)
    {
        foreach (var name in targets.Names)
        {
            var last = name[(name.LastIndexOf('.') + 1)..];
            if (last is not ("q_proj" or "k_proj" or "v_proj" or "o_proj" or "gate_proj" or "up_proj" or "down_proj"))
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"target module {MalformedFileException.Quote(name)} is not supported");
            }
        }
    }
}
