using System.Text.Json.Nodes;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Running;

/// <summary>A folder with a tiny Qwen 3.5 under the bundled model's tokenizer, and one adapter of all its Linears.</summary>
internal sealed class RecurrentModel : IDisposable
{
    /// <summary>Of the pool.</summary>
    public const int PageBytes = 4096;

    /// <summary>Pages of a version of a sequence's state.</summary>
    public const int StatePages = 5;

    /// <summary>The adapter's name.</summary>
    public const string Adapter = "one";

    private const int Rank = 4;

    private readonly TemporaryFolder _folder = new();

    public RecurrentModel(string architecture = "Qwen3_5ForCausalLM")
    {
        var model = Models.RecurrentFamilyTests.Make(architecture);
        (model.Config["vocab_size"], model.Config["max_position_embeddings"], model.Config["eos_token_id"]) = (2048, 2048, 3);
        model.Add("model.embed_tokens.weight", 2048, TinyModel.Hidden);
        model.Add("lm_head.weight", 2048, TinyModel.Hidden);
        model.Write(Folder);
        foreach (var file in Directory.EnumerateFiles(Repository.DemoModel, "*token*"))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)), overwrite: true);
        }

        Directory.CreateDirectory(Path.Combine(Adapters, Adapter));
        var (config, tensors) = Lora(model, Rank, seed: 3);
        File.WriteAllText(Path.Combine(Adapters, Adapter, "adapter_config.json"), config.ToJsonString());
        File.WriteAllBytes(Path.Combine(Adapters, Adapter, "adapter_model.safetensors"), Write(tensors));
    }

    public string Folder => _folder.PathOf("model");

    public string Adapters => _folder.PathOf("adapters");

    /// <summary>An adapter of every matrix of a layer but the experts' and the router's.</summary>
    public static (JsonObject Config, SortedDictionary<string, (long[] Shape, float[] Values)> Tensors) Lora(TinyModel model, int rank, int seed)
    {
        var (random, tensors) = (new Random(seed), new SortedDictionary<string, (long[], float[])>(StringComparer.Ordinal));
        foreach (var (name, (shape, _)) in model.Tensors.Where(tensor => tensor.Value.Shape.Length == 2 && tensor.Key.Contains(".layers.", StringComparison.Ordinal) && !tensor.Key.Contains(".mlp.gate.", StringComparison.Ordinal) && !tensor.Key.Contains("experts", StringComparison.Ordinal)))
        {
            var module = name[..^".weight".Length];
            tensors[$"{module}.lora_A.weight"] = ([rank, shape[1]], Values(rank * shape[1]));
            tensors[$"{module}.lora_B.weight"] = ([shape[0], rank], Values(shape[0] * rank));
        }

        var config = AdapterGenerator.Config(rank, []);
        config["target_modules"] = new JsonArray([.. tensors.Keys.Select(name => name.Split('.')[^3]).Distinct().Select(name => (JsonNode)name)]);
        config["lora_alpha"] = rank;
        return (config, tensors);

        float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => random.Next(-32, 33) / 128f)];
    }

    public static byte[] Write(IEnumerable<KeyValuePair<string, (long[] Shape, float[] Values)>> tensors)
    {
        var writer = new SafetensorsWriter();
        foreach (var (name, (shape, values)) in tensors)
        {
            writer.Add("base_model.model." + name, "F32", shape, values);
        }

        return writer.ToArray();
    }

    public void Dispose() => _folder.Dispose();
}
