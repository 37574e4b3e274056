using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Peft;

/// <summary>A slice's projection as the base model has it: the module that an adapter names, and which rows of it the projection is.</summary>
/// <param name="Name">As <c>self_attn.q_proj</c>, or <c>self_attn.qkv_proj</c> where several are one module.</param>
/// <param name="Rows">Outputs of the whole module: rows of its B.</param>
/// <param name="Part">The projection's rows.</param>
internal readonly record struct PeftModule(string Name, int Rows, WeightPart Part);

/// <summary>The modules of a program's slices, read off the tensors that its Linears are made of.</summary>
internal sealed class PeftModules
{
    private readonly Dictionary<int, PeftModule> _bySlice = [];

    /// <summary>Reads a program.</summary>
    public PeftModules(ModelProgram program)
    {
        foreach (var linear in program.Ops.OfType<LinearOp>())
        {
            var parts = program.Weights[linear.Weight].Parts;
            foreach (var slice in linear.Slices)
            {
                var part = parts.Single(part => part.Offset == slice.OutputOffset);
                var words = part.TensorName.Split('.');
                var rows = parts.Where(other => other.TensorName == part.TensorName).Sum(other => other.Length);
                _bySlice[slice.Index] = new PeftModule($"{words[^3]}.{words[^2]}", rows, part);
            }
        }
    }

    /// <summary>A slice's module.</summary>
    public PeftModule this[LoraSlice slice] => _bySlice[slice.Index];

    /// <summary>Whether a module of the model has this name, without what stands before its last dot.</summary>
    public bool HasLast(string name) => _bySlice.Values.Any(module => module.Name.EndsWith("." + name, StringComparison.Ordinal));
}
