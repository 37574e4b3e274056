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
    private static readonly ModelProgram Program = BuildProgram(Model);

    /// <summary>B is written with the first columns of the module's own weights, so that wherever a row of the weights goes, the same numbers must be in B.</summary>
    [Fact]
    public void Read_AnAdapterOfFusedModules_PutsRowsWhereTheWeightsAre() =>
        AssertRowsAreWhereTheWeightsAre(Model, Read(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]), 7);

    /// <summary>The same of heads whose pairs are neighbours in the checkpoint, and of MLPs that all tokens go through beside experts, whose modules have names of their own.</summary>
    [Theory]
    [InlineData("Glm4ForCausalLM", "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj mlp.gate_up_proj mlp.down_proj", 7)]
    [InlineData("Ernie4_5ForCausalLM", "self_attn.q_proj self_attn.k_proj", 2)]
    [InlineData("Olmo2ForCausalLM", "self_attn.q_proj mlp.down_proj", 2)]
    [InlineData("CohereForCausalLM", "self_attn.q_proj self_attn.k_proj mlp.gate_proj", 3)]
    [InlineData("Starcoder2ForCausalLM", "self_attn.v_proj mlp.c_fc mlp.c_proj", 3)]
    [InlineData("StableLmForCausalLM", "self_attn.q_proj self_attn.k_proj mlp.up_proj", 3)]
    [InlineData("PhiForCausalLM", "self_attn.q_proj self_attn.dense mlp.fc1 mlp.fc2", 4)]
    [InlineData("NemotronForCausalLM", "self_attn.k_proj mlp.up_proj mlp.down_proj", 3)]
    [InlineData("Qwen2MoeForCausalLM", "mlp.shared_expert.gate_proj mlp.shared_expert.up_proj mlp.shared_expert.down_proj mlp.shared_expert_gate", 4)]
    [InlineData("GraniteMoeSharedForCausalLM", "shared_mlp.input_linear shared_mlp.output_linear", 3)]
    [InlineData("GraniteMoeHybridForCausalLM", "shared_mlp.input_linear shared_mlp.output_linear", 3)]
    public void Read_AnAdapterOfAFamilysModules_PutsRowsWhereTheWeightsAre(string architecture, string modules, int slices)
    {
        var model = WeightLoaderTests.Make(architecture, tied: false);
        AssertRowsAreWhereTheWeightsAre(model, Read(model, BuildProgram(model), modules.Split(' '), modules.Split(' ')), slices);
    }

    private static void AssertRowsAreWhereTheWeightsAre(TinyModel model, AdapterContent adapter, int slices)
    {
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        var program = BuildProgram(model);
        var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, folder.Path);
        Assert.Equal(slices * TinyModel.Layers, adapter.Weights.Slices.Count);
        foreach (var slice in adapter.Weights.Slices)
        {
            var spec = program.Slices[slice.Slice];
            var linear = program.Ops.OfType<LinearOp>().Single(op => op.Slices.Contains(spec));
            var (weights, columns) = (backend.Values[linear.Weight], program.Weights[linear.Weight].Columns);
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

    private static ModelProgram BuildProgram(TinyModel model) => ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), 32);

    private static byte[] ConfigOf(string[] targets) => Encoding.UTF8.GetBytes(AdapterGenerator.Config(Rank, targets).ToJsonString());

    private static float[] AOf(int layer, int width) => [.. Enumerable.Range(0, Rank * width).Select(i => (layer + i) / 1024f)];

    private static AdapterContent Read(string[] targets, string[]? written = null) =>
        Read(Model, Program, targets, [.. (written ?? targets).Select(name => $"{(name is "gate_up_proj" or "down_proj" or "gate_proj" ? "mlp" : "self_attn")}.{name}")]);

    private static AdapterContent Read(TinyModel model, ModelProgram program, string[] targets, string[] written)
    {
        var writer = new SafetensorsWriter();
        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            foreach (var module in written.Select(name => $"model.layers.{layer}.{name}"))
            {
                var ((rows, columns), values) = model.Tensors.TryGetValue(module + ".weight", out var tensor) ? ((tensor.Shape[0], tensor.Shape[1]), tensor.Values) : ((64, 64), new float[4096]);
                writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [Rank, columns], AOf(layer, (int)columns));
                float[] b = [.. Enumerable.Range(0, (int)rows * Rank).Select(i => values[(i / Rank * (int)columns) + (i % Rank)])];
                writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [rows, Rank], b);
            }
        }

        return PeftAdapterReader.Read(ConfigOf(targets), writer.ToArray(), program);
    }
}
