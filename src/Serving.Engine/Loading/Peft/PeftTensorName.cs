using System.Globalization;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>What a tensor of a module's LoRA is.</summary>
internal enum PeftTensorKind
{
    /// <summary>lora_A.</summary>
    A,

    /// <summary>lora_B.</summary>
    B,

    /// <summary>lora_magnitude_vector.</summary>
    Magnitudes,
}

/// <summary>
/// What a tensor of an adapter is, from its name: <c>[base_model.model.]model.layers.N.MODULE.lora_A[.default].weight</c>, or <c>….lora_magnitude_vector</c>. Of a model whose decoder is a part of it
/// the layers are under <c>language_model.model.</c> or <c>model.language_model.</c>. An adapter of a decoder without its output projection (a FEATURE_EXTRACTION one, for embeddings) has
/// <c>layers.N</c>.
/// </summary>
/// <param name="Module">The module's name in the base model.</param>
/// <param name="Layers">What stands before N in it.</param>
/// <param name="Layer">N.</param>
/// <param name="Part">MODULE, as <c>self_attn.q_proj</c> or <c>mlp.experts.7.up_proj</c>.</param>
/// <param name="Kind">Which of the module's.</param>
/// <param name="IsInner">Of two parameters of one module, that which PEFT wrapped first: <c>MODULE.base_layer</c>.</param>
internal readonly record struct PeftTensorName(string Module, string Layers, int Layer, string Part, PeftTensorKind Kind, bool IsInner)
{
    private const string Prefix = "base_model.model.";
    private const string SparseMixture = "block_sparse_moe.";

    /// <summary>How names end, the same for all spellings of a kind.</summary>
    private static readonly (string End, PeftTensorKind Kind)[] Ends =
    [
        (".lora_A.weight", PeftTensorKind.A), (".lora_A.default.weight", PeftTensorKind.A), (".lora_B.weight", PeftTensorKind.B), (".lora_B.default.weight", PeftTensorKind.B),
        (".lora_magnitude_vector", PeftTensorKind.Magnitudes), (".lora_magnitude_vector.weight", PeftTensorKind.Magnitudes), (".lora_magnitude_vector.default.weight", PeftTensorKind.Magnitudes),
    ];

    private const string Whole = "model.layers.";
    private const string Alone = "layers.";

    /// <summary>Where the layers are: of a decoder that is the whole model, with its output projection and without, and of one that is a part of it, in either spelling.</summary>
    private static readonly string[] LayerPrefixes = [Whole, Alone, "language_model.model.layers.", "model.language_model.layers."];

    // The seven projections, those that some checkpoints have as one module, those of an MLP that all tokens go through beside experts, what StarCoder 2 and Phi 2 call theirs, and those of layers that remember.
    private static readonly string[] Modules =
    [
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.gate_up_proj", "mlp.down_proj",
        "mlp.shared_expert.gate_proj", "mlp.shared_expert.up_proj", "mlp.shared_expert.down_proj", "mlp.shared_expert_gate", "shared_mlp.input_linear", "shared_mlp.output_linear",
        "self_attn.dense", "mlp.c_fc", "mlp.c_proj", "mlp.fc1", "mlp.fc2",
        "linear_attn.in_proj_qkv", "linear_attn.in_proj_z", "linear_attn.in_proj_b", "linear_attn.in_proj_a", "linear_attn.in_proj_qkvz", "linear_attn.in_proj_ba", "linear_attn.out_proj",
    ];

    /// <summary>What the module is of a mixture of experts, for people; null where it is not of one.</summary>
    public string? OfMixture => Part.StartsWith("mlp.experts.", StringComparison.Ordinal) || Part.StartsWith(SparseMixture + "experts.", StringComparison.Ordinal) ? "an expert"
        : Part == "mlp.gate" || Part == "mlp.experts" || Part.StartsWith(SparseMixture, StringComparison.Ordinal) ? "experts or of what chooses them"
        : null;

    /// <summary>A module's name in the base model.</summary>
    public static string ModuleOf(string layers, int layer, string part) => string.Create(CultureInfo.InvariantCulture, $"{layers}{layer}.{part}");

    /// <summary>How the layers of a decoder that is the whole model are spelled, or of one that is a part, where nothing says which way.</summary>
    public static string LayersOf(bool isPart) => isPart ? "language_model.model.layers." : Whole;

    /// <summary>Whether layers are spelled as those of a decoder that is a part of a model.</summary>
    public static bool IsOfPart(string layers) => layers is not (Whole or Alone);

    /// <summary>Whether a tensor changes a part that looks at images: suffixes as <c>q_proj</c> are those of its modules, too, and no text depends on it.</summary>
    public static bool IsOfImages(string name) => TensorNames.IsOfImages(name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name);

    /// <summary>Reads a tensor's name.</summary>
    /// <exception cref="AdapterFormatException">It is no matrix of a LoRA of the seven projections or of a mixture of experts; known kinds are named.</exception>
    public static PeftTensorName Parse(string name)
    {
        foreach (var (mark, what) in new[]
        {
            ("lora_embedding_", "a LoRA of embeddings"),
            ("modules_to_save", "modules_to_save"),
            (".lora_B.bias", "lora_bias"),
            (".base_layer.weight", "a saved base layer"),
        })
        {
            if (name.Contains(mark, StringComparison.Ordinal))
            {
                throw Unsupported(name, $"is {what}, which is not supported");
            }
        }

        var module = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
        var (end, kind) = Array.Find(Ends, entry => module.EndsWith(entry.End, StringComparison.Ordinal));
        module = end is null ? throw Unsupported(name, "is not a lora_A or lora_B weight, nor a lora_magnitude_vector") : module[..^end.Length];

        var isInner = TryCut(ref module, ".base_layer");
        var layers = Array.Find(LayerPrefixes, prefix => module.StartsWith(prefix, StringComparison.Ordinal)) ?? string.Empty;
        var (layer, part) = Locate(module, layers) ?? throw Unsupported(name, "is not of a projection that this model has");
        var tensor = new PeftTensorName(module, layers, layer, part, kind, isInner);
        if (isInner && tensor.OfMixture is null)
        {
            throw Unsupported(name, "is a saved base layer, which is not supported");
        }

        return Modules.Contains(part) || tensor.OfMixture is not null ? tensor : throw Unsupported(name, "is not of a projection that this model has");
    }

    private static (int Layer, string Part)? Locate(string module, string layers)
    {
        if (layers.Length == 0)
        {
            return null;
        }

        var rest = module.AsSpan(layers.Length);
        var dot = rest.IndexOf('.');

        // One spelling per layer: no sign, no leading zero, so that no module can be named twice.
        if (dot is < 1 or > 4 || rest[..dot].ContainsAnyExceptInRange('0', '9') || (dot > 1 && rest[0] == '0'))
        {
            return null;
        }

        var layer = int.Parse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture);
        return (layer, rest[(dot + 1)..].ToString());
    }

    private static bool TryCut(ref string name, string end)
    {
        if (!name.EndsWith(end, StringComparison.Ordinal))
        {
            return false;
        }

        name = name[..^end.Length];
        return true;
    }

    private static AdapterFormatException Unsupported(string name, string reason)
    {
        return new AdapterFormatException(AdapterFailure.Unsupported, $"tensor {MalformedFileException.Quote(name)} {reason}");
    }
}
