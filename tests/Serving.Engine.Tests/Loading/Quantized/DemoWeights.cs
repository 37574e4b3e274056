using System.Text.Json.Nodes;
using Serving.Engine.Loading;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>The bundled model as fp32, whole or its first layer between its embedding and head.</summary>
internal static class DemoWeights
{
    /// <summary>The <c>config.json</c> of the first layer alone.</summary>
    public static JsonObject Config
    {
        get
        {
            var config = WholeConfig;
            config["num_hidden_layers"] = 1;
            return config;
        }
    }

    /// <summary>Its <c>config.json</c>.</summary>
    public static JsonObject WholeConfig => JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.DemoModel, "config.json")))!.AsObject();

    /// <summary>The tensors of the first layer alone.</summary>
    public static IReadOnlyList<(string Name, long[] Shape, float[] Values)> Tensors { get; } = Read(IsOfFirstLayer);

    /// <summary>Its tensors.</summary>
    public static IReadOnlyList<(string Name, long[] Shape, float[] Values)> WholeTensors => Read(_ => true);

    private static List<(string, long[], float[])> Read(Func<string, bool> keep)
    {
        using var checkpoint = Checkpoint.Open(Repository.DemoModel);
        var tensors = new List<(string, long[], float[])>();
        foreach (var name in checkpoint.TensorNames.Where(keep).Order(StringComparer.Ordinal))
        {
            checkpoint.TryGet(name, out var reader, out var entry);
            tensors.Add((name, [.. entry.Shape], new StoredTensor(reader, entry).ReadSingles(0, (int)entry.Length)));
        }

        return tensors;
    }

    private static bool IsOfFirstLayer(string name) => !name.StartsWith("model.layers.", StringComparison.Ordinal) || name.StartsWith("model.layers.0.", StringComparison.Ordinal);
}
