using System.Text;
using System.Text.Json.Nodes;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Mutated configs and checkpoints of every scheme: read or refused with the typed exception.</summary>
public class QuantizedFuzzTests
{
    private const int Rows = 16;
    private const int Columns = 64;

    public static TheoryData<string> Names => Schemes.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Config_Mutated2000Times_IsReadOrRefused(string name)
    {
        var file = Encoding.UTF8.GetBytes(new JsonObject { ["quantization_config"] = Schemes.Make(name).Config }.ToJsonString());
        HostileFiles.Run<ModelFormatException>(2000, file, file.Length, mutated => WeightSchemes.Read(mutated));
    }

    /// <summary>Names, types and shapes of tensors, and what lies in them: codes, scales, zero points, orders and texts.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Checkpoint_Mutated800Times_IsReadOrRefused(string name)
    {
        using var folder = new TemporaryFolder();
        var encoder = Schemes.Make(name);
        var random = new Random(1);
        encoder.Encode("m", [.. Enumerable.Range(0, Rows * Columns).Select(_ => (random.NextSingle() * 2) - 1)], Rows, Columns);
        var writer = new SafetensorsWriter();
        foreach (var (tensor, type, shape, bytes) in encoder.Tensors)
        {
            writer.AddBytes(tensor, type, shape, bytes);
        }

        var file = writer.ToArray();
        var scheme = WeightSchemes.Read(Encoding.UTF8.GetBytes(new JsonObject { ["quantization_config"] = encoder.Config }.ToJsonString()))!;
        var scratch = new LoadScratch();
        HostileFiles.Run<MalformedFileException>(800, file, file.Length, mutated =>
        {
            File.WriteAllBytes(folder.PathOf("model.safetensors"), mutated);
            using var checkpoint = Checkpoint.Open(folder.Path);
            scheme.Open(new ModuleTensors(checkpoint, "m", new HashSet<string>()), Rows, Columns)?.Read(0, new ushort[Rows * Columns], scratch);
        });
    }
}
