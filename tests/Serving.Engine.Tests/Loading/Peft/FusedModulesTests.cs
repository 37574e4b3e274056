using System.Text;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Peft;

/// <summary>Adapters of models that keep several projections in one module: each projection gets the module's A, and its rows of B where the model has that projection's weights.</summary>
public sealed class FusedModulesTests
{
    private const int Rank = 4;
    private static readonly TinyModel Model = FamilyTests.Phi3(0.75, 0);
    private static readonly ModelProgram Program = ModelRegistry.Build("phi", ModelConfig.Parse(Encoding.UTF8.GetBytes(Model.Config.ToJsonString())), 32);

    /// <summary>B is written with the first columns of the module's own weights, so that wherever a row of the weights goes, the same numbers must be in B.</summary>
    [Fact]
    public void Read_AnAdapterOfFusedModules_PutsRowsWhereTheWeightsAre()
    {
        using var folder = new TemporaryFolder();
        Model.Write(folder.Path);
        var backend = new RecordingBackend(Program);
        WeightLoader.Load(backend, Program, folder.Path);

        var adapter = Read(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]);

        Assert.Equal(7 * TinyModel.Layers, adapter.Weights.Slices.Count);
        foreach (var slice in adapter.Weights.Slices)
        {
            var spec = Program.Slices[slice.Slice];
            var linear = Program.Ops.OfType<LinearOp>().Single(op => op.Slices.Contains(spec));
            var (weights, columns) = (backend.Values[linear.Weight], Program.Weights[linear.Weight].Columns);
            for (var row = 0; row < spec.OutputWidth; row++)
            {
                Assert.Equal(weights.AsSpan((spec.OutputOffset + row) * columns, Rank).ToArray(), slice.B.Span.Slice(row * Rank, Rank).ToArray());
            }

            Assert.Equal(AOf(spec.Layer, spec.InputWidth).Select(BFloat16Bits.FromSingle), slice.A.ToArray());
        }
    }

    [Fact]
    public void Read_AnAdapterThatAlsoNamesWhatTheModelHasNot_TakesWhatItHas() =>
        Assert.Equal(TinyModel.Layers, Read(["q_proj", "k_proj", "down_proj"], ["down_proj"]).Weights.Slices.Count);

    [Theory]
    [InlineData("q_proj")]
    [InlineData("gate_proj")]
    public void Read_AnAdapterOfAProjectionThatIsNoModule_SaysSo(string target)
    {
        var error = Assert.Throws<AdapterFormatException>(() => Read([target], [target]));
        Assert.Contains(target, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AFusedModuleOfAnotherWidth_SaysWhich()
    {
        var writer = new SafetensorsWriter();
        writer.Add("base_model.model.model.layers.0.self_attn.qkv_proj.lora_A.weight", "F32", [Rank, TinyModel.Hidden], new float[Rank * TinyModel.Hidden]);
        writer.Add("base_model.model.model.layers.0.self_attn.qkv_proj.lora_B.weight", "F32", [64, Rank], new float[64 * Rank]);
        var error = Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(ConfigOf(["qkv_proj"]), writer.ToArray(), Program));
        Assert.Contains("qkv_proj.lora_B", error.Message, StringComparison.Ordinal);
    }

    private static byte[] ConfigOf(string[] targets) => Encoding.UTF8.GetBytes(AdapterGenerator.Config(Rank, targets).ToJsonString());

    private static float[] AOf(int layer, int width) => [.. Enumerable.Range(0, Rank * width).Select(i => (layer + i) / 1024f)];

    private static PeftAdapter Read(string[] targets, string[]? written = null)
    {
        var writer = new SafetensorsWriter();
        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            foreach (var module in (written ?? targets).Select(name => $"model.layers.{layer}.{(name is "gate_up_proj" or "down_proj" or "gate_proj" ? "mlp" : "self_attn")}.{name}"))
            {
                var ((rows, columns), values) = Model.Tensors.TryGetValue(module + ".weight", out var tensor) ? ((tensor.Shape[0], tensor.Shape[1]), tensor.Values) : ((64, 64), new float[4096]);
                writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [Rank, columns], AOf(layer, (int)columns));
                float[] b = [.. Enumerable.Range(0, (int)rows * Rank).Select(i => values[(i / Rank * (int)columns) + (i % Rank)])];
                writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [rows, Rank], b);
            }
        }

        return PeftAdapterReader.Read(ConfigOf(targets), writer.ToArray(), Program);
    }
}
