using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Engine.Tests.Loading.Gguf;
using Serving.Engine.Tests.Models;
using Serving.Engine.Tests.Running;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

/// <summary>Adapters of layers that remember, and of q's projection with the gate in it.</summary>
public sealed class RecurrentAdapterTests
{
    private const int Rank = 4;

    private static readonly int[] Tokens = [.. Enumerable.Range(0, 24).Select(i => (i * 37 % 127) + 1)];

    /// <summary>An adapter is its matrices' product, added to every matrix that it targets: the model with the sums in it, written down plainly, gives the same.</summary>
    [Theory]
    [InlineData("Qwen3_5ForCausalLM")]
    [InlineData("Qwen3NextForCausalLM")]
    [InlineData("Qwen3_5MoeForCausalLM")]
    public void Run_Adapter_GivesTheModelWithItsProductsAdded(string architecture)
    {
        var model = RecurrentFamilyTests.Make(architecture);
        var (config, tensors) = RecurrentModel.Lora(model, Rank, seed: 9);
        var adapter = Read(model, config, tensors);
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 32, adapter: adapter.Weights);
        runner.Append(Tokens);
        var actual = runner.Logits(Tokens.Length - 1).ToArray();

        foreach (var module in tensors.Keys.Where(name => name.EndsWith("lora_A.weight", StringComparison.Ordinal)).Select(name => name[..^".lora_A.weight".Length]))
        {
            var (a, b, (shape, values)) = (tensors[module + ".lora_A.weight"].Values, tensors[module + ".lora_B.weight"].Values, model.Tensors[module + ".weight"]);
            model.Tensors[module + ".weight"] = (shape, [.. values.Select((value, i) => value + Enumerable.Range(0, Rank).Sum(k => b[(i / (int)shape[1] * Rank) + k] * a[(k * (int)shape[1]) + (i % (int)shape[1])]))]);
        }

        var expected = new PlainDecoder(model).Logits(Tokens);
        var tolerance = 4e-3 * (expected.Max() - expected.Min());
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    /// <summary>llama.cpp's file of the same adapter, value heads in its order, is the same adapter, whichever the model was loaded from.</summary>
    [Theory]
    [InlineData("Qwen3_5ForCausalLM")]
    [InlineData("Qwen3_5MoeForCausalLM")]
    [InlineData("Qwen3NextForCausalLM")]
    public void Read_GgufAdapter_IsThePeftFolders(string architecture)
    {
        var model = RecurrentFamilyTests.Make(architecture);
        var (config, tensors) = RecurrentModel.Lora(model, Rank, seed: 10);
        var expected = Read(model, config, tensors).Weights.Slices;
        var file = GgufAdapterConverter.Convert(model.Config, tensors.ToDictionary(), Rank, GgmlEncoder.F32).ToArray();
        var actual = GgufAdapterReader.Read(file, Build(model), architecture).Weights.Slices;
        Assert.Equal(expected.Select(slice => (slice.Slice, slice.Rank, slice.Scale)), actual.Select(slice => (slice.Slice, slice.Rank, slice.Scale)));
        foreach (var (one, other) in expected.Zip(actual))
        {
            Assert.True(one.A.Span.SequenceEqual(other.A.Span) && one.B.Span.SequenceEqual(other.B.Span), $"slice {one.Slice}");
        }
    }

    /// <summary>q's projection alone has q and the gate behind attention, with one A.</summary>
    [Fact]
    public void Read_AdapterOfQ_ChangesTheGateToo()
    {
        var model = RecurrentFamilyTests.Make("Qwen3_5ForCausalLM");
        var (config, tensors) = RecurrentModel.Lora(model, Rank, seed: 11);
        config["target_modules"] = new JsonArray("q_proj");
        var program = Build(model);
        var slices = Read(model, config, tensors.Where(tensor => tensor.Key.Contains("q_proj", StringComparison.Ordinal))).Weights.Slices;
        Assert.Equal([Projection.Query, Projection.OutputGate], slices.Select(slice => program.Slices[slice.Slice].Projection));
        Assert.Equal(slices[0].A.ToArray(), slices[1].A.ToArray());
        Assert.NotEqual(slices[0].B.ToArray(), slices[1].B.ToArray());
    }

    [Theory]
    [InlineData("linear_attn.conv1d", "conv1d")]
    [InlineData("linear_attn.in_proj_qkvz", "in_proj_qkvz")]
    public void Read_ModuleThatTheModelHasNot_IsRefusedByName(string module, string target)
    {
        var model = RecurrentFamilyTests.Make("Qwen3_5ForCausalLM");
        var (config, _) = RecurrentModel.Lora(model, Rank, seed: 12);
        config["target_modules"] = new JsonArray(target);
        var tensors = new Dictionary<string, (long[] Shape, float[] Values)>
        {
            [$"model.layers.0.{module}.lora_A.weight"] = ([Rank, TinyModel.Hidden], new float[Rank * TinyModel.Hidden]),
            [$"model.layers.0.{module}.lora_B.weight"] = ([TinyModel.Hidden, Rank], new float[Rank * TinyModel.Hidden]),
        };
        Assert.Contains(target, Assert.Throws<AdapterFormatException>(() => Read(model, config, tensors)).Message, StringComparison.Ordinal);
    }

    private static AdapterContent Read(TinyModel model, JsonObject config, IEnumerable<KeyValuePair<string, (long[] Shape, float[] Values)>> tensors) =>
        PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), RecurrentModel.Write(tensors), Build(model));

    private static ModelProgram Build(TinyModel model) => ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), 32);
}
