using System.Text.Json;

namespace Serving.Testing.Adapters;

/// <summary>The sizes of a model that its adapters depend on.</summary>
public sealed record AdapterDimensions(int Layers, int Hidden, int Intermediate, int QueryWidth, int KvWidth)
{
    /// <summary>Experts in the place of every layer's MLP; null where there are none.</summary>
    public AdapterMixture? Mixture { get; init; }

    /// <summary>Reads them from a model folder's <c>config.json</c>.</summary>
    public static AdapterDimensions Of(string modelFolder)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(modelFolder, "config.json")));
        var root = config.RootElement;
        int Int(string name) => root.GetProperty(name).GetInt32();
        var heads = Int("num_attention_heads");
        var headSize = root.TryGetProperty("head_dim", out var size) ? size.GetInt32() : Int("hidden_size") / heads;
        return new AdapterDimensions(
            Int("num_hidden_layers"), Int("hidden_size"), Int("intermediate_size"), heads * headSize, Int("num_key_value_heads") * headSize);
    }

    /// <summary>Input and output width of a projection.</summary>
    public (int Input, int Output) WidthsOf(string projection) => projection switch
    {
        "q_proj" => (Hidden, QueryWidth),
        "k_proj" or "v_proj" => (Hidden, KvWidth),
        "o_proj" => (QueryWidth, Hidden),
        "gate_proj" or "up_proj" => (Hidden, Mixture?.Width ?? Intermediate),
        "down_proj" => (Mixture?.Width ?? Intermediate, Hidden),
        _ => throw new ArgumentOutOfRangeException(nameof(projection), projection, "not one of the seven projections"),
    };

    /// <summary>The modules of a layer that a projection is: one, or one of every expert.</summary>
    public IReadOnlyList<string> ModulesOf(string projection) => AdapterGenerator.Attention.Contains(projection) ? [$"self_attn.{projection}"]
        : Mixture is { } mixture ? [.. Enumerable.Range(0, mixture.Experts).Select(expert => mixture.ModuleOf(expert, projection))]
        : [$"mlp.{projection}"];
}
