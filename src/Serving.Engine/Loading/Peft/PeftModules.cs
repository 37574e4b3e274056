using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Peft;

/// <summary>A slice's projection as the base model has it: the module that an adapter names, and which rows of it the projection is.</summary>
/// <param name="Slice">The slice.</param>
/// <param name="Expert">Whose; 0 where the slice has one pair of matrices.</param>
/// <param name="Name">As <c>self_attn.q_proj</c>, <c>mlp.experts.7.up_proj</c>, or <c>self_attn.qkv_proj</c> where several are one module.</param>
/// <param name="Rows">Outputs of the whole module: rows of its B.</param>
/// <param name="Part">The projection's rows.</param>
internal readonly record struct PeftModule(LoraSlice Slice, int Expert, string Name, int Rows, WeightPart Part);

/// <summary>
/// The modules of a program's slices, read off the tensors that its Linears are made of. Experts whose checkpoint keeps all of them in one tensor are none, but a parameter of a
/// module that is no Linear; and all experts are that in transformers 5, whatever the checkpoint has.
/// </summary>
internal sealed class PeftModules
{
    private readonly List<PeftModule> _all = [];
    private readonly List<ExpertParameter> _parameters = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _lasts = new(StringComparer.Ordinal);
    private readonly IReadOnlySet<int> _ofMixtures;
    private readonly Dictionary<string, int> _rows;

    /// <summary>Reads a program.</summary>
    public PeftModules(ModelProgram program)
    {
        _rows = TensorLengths.Of(program);
        _ofMixtures = MixtureAdapters.SlicesOf(program);
        foreach (var linear in program.Ops.OfType<LinearOp>().Where(op => op.Slices.Count > 0))
        {
            AddModules(program.Weights[linear.Weight], linear.Slices);
            AddParameter(program.Weights[linear.Weight], linear.Slices);
        }
    }

    /// <summary>In ascending order of their slices, and of a slice by expert.</summary>
    public IReadOnlyList<PeftModule> All => _all;

    /// <summary>Matrices of all experts of a layer as parameters, in ascending order of their slices.</summary>
    public IReadOnlyList<ExpertParameter> Parameters => _parameters;

    /// <summary>Whether a module of this name has such parameters.</summary>
    public bool HasParameters(string name) => _parameters.Exists(parameter => parameter.Module == name);

    /// <summary>Whether a module is of experts, or of what chooses them.</summary>
    public bool IsOfMixture(PeftModule module) => _ofMixtures.Contains(module.Slice.Index);

    /// <summary>Whether a layer of the model has a module of this name.</summary>
    public bool Has(string name) => _names.Contains(name);

    /// <summary>Whether a module of the model has this name, without what stands before its last dot.</summary>
    public bool HasLast(string name) => _lasts.Contains(name);

    private void AddModules(WeightSpec weight, IReadOnlyList<LoraSlice> slices)
    {
        var parts = weight.Parts.ToDictionary(part => part.Offset);
        foreach (var slice in slices)
        {
            for (var expert = 0; expert < slice.Experts; expert++)
            {
                if (parts.TryGetValue((expert * weight.RowsPerExpert) + slice.OutputOffset, out var part) && part.Length == slice.OutputWidth)
                {
                    Add(new PeftModule(slice, expert, NameOf(part.TensorName, slice.Layer), _rows[part.TensorName], part));
                }
            }
        }
    }

    /// <summary>Under transformers' names: Granite's two modules have a tensor each, under its checkpoint's name; the other families' experts are one module with two.</summary>
    private void AddParameter(WeightSpec weight, IReadOnlyList<LoraSlice> slices)
    {
        const string Experts = ".experts.0.";
        if (slices[0].Experts == 1)
        {
            return;
        }

        var tensor = weight.Parts[0].TensorName;
        if (weight.Parts.Count == 1 && tensor.EndsWith("_linear.weight", StringComparison.Ordinal))
        {
            _parameters.Add(new ExpertParameter(slices, NameOf(tensor, slices[0].Layer), "weight"));
        }
        else if (tensor.Contains(Experts, StringComparison.Ordinal))
        {
            _parameters.Add(new ExpertParameter(slices, "mlp.experts", slices.Count == 1 ? "down_proj" : "gate_up_proj"));
        }
    }

    private void Add(PeftModule module)
    {
        _all.Add(module);
        _names.Add(module.Name);
        _lasts.Add(module.Name[(module.Name.LastIndexOf('.') + 1)..]);
    }

    /// <summary>What stands between the layer's number and the last dot.</summary>
    private static string NameOf(string tensor, int layer)
    {
        var mark = FormattableString.Invariant($"layers.{layer}.");
        var first = tensor.IndexOf(mark, StringComparison.Ordinal) + mark.Length;
        return tensor[first..tensor.LastIndexOf('.')];
    }
}
