using System.Text.Json.Nodes;
using Serving.Engine.Loading;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>The bundled model's first layer between its embedding and head, as fp32.</summary>
internal static class DemoWeights
{
    /// <summary>Its <c>config.json</c>.</summary>
    public static JsonObject Config
    {
        get
        {
            var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.DemoModel, "config.json")))!.AsObject();
            config["num_hidden_layers"] = 1;
            return config;
        }
    }

    /// <summary>Its tensors.</summary>
    public static IReadOnlyList<(string Name, long[] Shape, float[] Values)> Tensors { get; } = Read();

    private static List<(string, long[], float[])> Read()
    {
        using var checkpoint = Checkpoint.Open(Repository.DemoModel);
        var tensors = new List<(string, long[], float[])>();
        foreach (var name in checkpoint.TensorNames.Where(IsKept).Order(StringComparer.Ordinal))
        {
            checkpoint.TryGet(name, out var reader, out var entry);
            tensors.Add((name, [.. entry.Shape], new StoredTensor(reader, entry).ReadSingles(0, (int)entry.Length)));
        }

        return tensors;
    }

    private static bool IsKept(string name) => !name.StartsWith("model.layers.", StringComparison.Ordinal) || name.StartsWith("model.layers.0.", StringComparison.Ordinal);
}
