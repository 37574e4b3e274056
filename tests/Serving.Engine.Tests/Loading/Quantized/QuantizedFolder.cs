using System.Text.Json.Nodes;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>A model's folder twice: as a scheme keeps it, and with the values that the scheme's codes stand for as plain fp32.</summary>
internal sealed class QuantizedFolder : IDisposable
{
    private readonly TemporaryFolder _quantized = new();
    private readonly TemporaryFolder _plain = new();

    /// <summary>Writes both, every projection of a decoder layer encoded and the rest as it is.</summary>
    public QuantizedFolder(JsonObject config, IEnumerable<(string Name, long[] Shape, float[] Values)> tensors, SchemeEncoder encoder)
    {
        var (quantized, plain) = (new SafetensorsWriter(), new SafetensorsWriter());
        foreach (var (name, shape, values) in tensors)
        {
            if (!IsProjection(name))
            {
                quantized.Add(name, "F32", shape, values);
                plain.Add(name, "F32", shape, values);
                continue;
            }

            Stands[name] = encoder.Encode(name[..^".weight".Length], values, (int)shape[0], (int)shape[1]);
            plain.Add(name, "F32", shape, Stands[name]);
        }

        foreach (var (name, type, shape, bytes) in encoder.Tensors)
        {
            quantized.AddBytes(name, type, shape, bytes);
        }

        Write(_plain.Path, config, plain);
        var declared = config.DeepClone().AsObject();
        declared["quantization_config"] = encoder.Config;
        Write(_quantized.Path, declared, quantized);
    }

    /// <summary>The scheme's folder.</summary>
    public string Quantized => _quantized.Path;

    /// <summary>The plain folder.</summary>
    public string Plain => _plain.Path;

    /// <summary>By tensor, what the scheme's codes stand for.</summary>
    public Dictionary<string, float[]> Stands { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds the bundled model's tokenizer and generation defaults to the scheme's folder, so that it can be served.</summary>
    public QuantizedFolder WithTokenizer()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.DemoModel, "*.json").Where(file => Path.GetFileName(file) != "config.json"))
        {
            File.Copy(file, Path.Combine(Quantized, Path.GetFileName(file)));
        }

        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _quantized.Dispose();
        _plain.Dispose();
    }

    private static bool IsProjection(string name) => name.EndsWith("_proj.weight", StringComparison.Ordinal);

    private static void Write(string folder, JsonObject config, SafetensorsWriter weights)
    {
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), weights.ToArray());
    }
}
