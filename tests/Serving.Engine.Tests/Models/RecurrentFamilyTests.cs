using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Engine.Tests.Loading;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Families in which some layers have a recurrent state, against the published models written down plainly.</summary>
public class RecurrentFamilyTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];

    public static TheoryData<string> Families => ["Qwen3_5ForCausalLM", "Qwen3_5MoeForCausalLM", "Qwen3NextForCausalLM"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Program_OfTheFamily_ComputesThePublishedModel(string architecture)
    {
        var model = Make(architecture);
        AssertGives(new PlainDecoder(model).Logits(Tokens), model);
    }

    /// <summary>In chunks of one, of three and of more tokens than the convolution reads, the same bits as at once.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Append_InChunks_GivesTheSameBits(string architecture)
    {
        using var folder = new TemporaryFolder();
        Make(architecture).Write(folder.Path);
        using var whole = new ModelRunner(folder.Path, 48);
        using var chunked = new ModelRunner(folder.Path, 48);
        whole.Append(Tokens);
        foreach (var (first, count) in new[] { (0, 1), (1, 3), (4, 17), (21, 2), (23, 16), (39, 1) })
        {
            chunked.Append(Tokens.AsSpan(first, count));
        }

        Assert.Equal(whole.Logits(Tokens.Length - 1).ToArray(), chunked.Logits(0).ToArray());
    }

    /// <summary>The decoder of a model that sees images, in the newer spelling, its experts stacked, with layers that guess tokens ahead beside it.</summary>
    [Theory]
    [InlineData("Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration")]
    [InlineData("Qwen3_5MoeForCausalLM", "Qwen3_5MoeForConditionalGeneration")]
    public void Program_OfAPart_ComputesThePublishedModel(string architecture, string whole)
    {
        var model = Make(architecture);
        var expected = new PlainDecoder(model).Logits(Tokens);
        if (architecture == "Qwen3_5MoeForCausalLM")
        {
            model.StackExperts();
        }

        model.Config["architectures"] = new JsonArray(whole);
        model.Config["mtp_num_hidden_layers"] = 1;
        model.Config.Remove("partial_rotary_factor");
        model.Config["rope_parameters"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 10_000, ["partial_rotary_factor"] = 0.5, ["mrope_section"] = new JsonArray(2, 1, 1), ["mrope_interleaved"] = true };
        model.MakePart("model.language_model.", "model.visual.");
        model.Add("mtp.fc.weight", TinyModel.Hidden, 2 * TinyModel.Hidden);
        AssertGives(expected, model);
    }

    /// <summary>What files leave out is what the configuration class has.</summary>
    [Fact]
    public void Config_ThatSaysLittle_HasTheFamilysDefaults()
    {
        var model = new TinyModel("Qwen3_5ForCausalLM") { Config = { ["num_hidden_layers"] = 8 } };
        model.Config.Remove("head_dim");
        var config = Parse(model);
        Assert.Equal([0, 1, 2, 4, 5, 6], config.Recurrence!.Layers.Order());
        Assert.Equal(new DeltaRuleHeads(16, 32, 128, 128), config.Recurrence.Heads);
        Assert.Equal((4, 256, 64, 2), (config.Recurrence.Taps, config.Shape.HeadSize, config.RotatedSize, config.Shape.KvLayerCount));
        Assert.Equal(6L * ((3 * 8192 * 4) + (32 * 128 * 128 * 4)), config.Shape.StateBytes);
    }

    [Theory]
    [InlineData("Qwen3_5ForCausalLM", "layer_types", "[\"linear_attention\"]")]
    [InlineData("Qwen3_5ForCausalLM", "layer_types", "[\"linear_attention\",\"sliding_attention\"]")]
    [InlineData("Qwen3_5ForCausalLM", "layer_types", "[\"linear_attention\",\"linear_attention\"]")]
    [InlineData("Qwen3_5ForCausalLM", "linear_num_value_heads", "3")]
    [InlineData("Qwen3_5ForCausalLM", "linear_num_key_heads", "0")]
    [InlineData("Qwen3_5ForCausalLM", "linear_key_head_dim", "24")]
    [InlineData("Qwen3_5ForCausalLM", "linear_value_head_dim", "40")]
    [InlineData("Qwen3_5ForCausalLM", "linear_conv_kernel_dim", "1")]
    [InlineData("Qwen3_5ForCausalLM", "linear_conv_kernel_dim", "17")]
    [InlineData("Qwen3_5ForCausalLM", "attention_bias", "true")]
    [InlineData("Qwen3_5ForCausalLM", "attn_output_gate", "false")]
    [InlineData("Qwen3_5ForCausalLM", "hidden_act", "\"gelu\"")]
    [InlineData("Qwen3_5ForCausalLM", "num_experts", "8")]
    [InlineData("Qwen3_5MoeForCausalLM", "num_experts", "null")]
    [InlineData("Qwen3NextForCausalLM", "mlp_only_layers", "[2]")]
    public void Config_ThatIsNotDone_NamesTheKey(string architecture, string key, string value)
    {
        var model = Make(architecture);
        model.Config[key] = JsonNode.Parse(value);
        var expected = value.Split("linear_attention").Length == 3 ? "none of whose layers attends" : key;
        Assert.Contains(expected, Assert.Throws<ModelFormatException>(() => Parse(model)).Message, StringComparison.Ordinal);
    }

    /// <summary>Ops that name a layer of keys and values count those alone; parts of a state lie behind each other.</summary>
    [Fact]
    public void Build_SomeLayers_CountsKeysAndStatesByThemselves()
    {
        var model = Make("Qwen3_5ForCausalLM");
        model.Config["num_hidden_layers"] = 6;
        model.Config["layer_types"] = new JsonArray("linear_attention", "full_attention", "linear_attention", "linear_attention", "full_attention", "linear_attention");
        var program = ModelRegistry.Build("tiny", Parse(model), 64);
        Assert.Equal([0, 1], program.Ops.OfType<PagedAttentionOp>().Select(op => op.Layer));
        Assert.Equal([0, 1], program.Ops.OfType<RopeAndAppendOp>().Select(op => op.Layer));
        var (convolution, rule) = (3 * 256 * 4L, 4 * 32 * 32 * 4L);
        Assert.Equal(Enumerable.Range(0, 4).Select(i => i * (convolution + rule)), program.Ops.OfType<ConvolutionOp>().Select(op => op.StateOffset));
        Assert.Equal(Enumerable.Range(0, 4).Select(i => (i * (convolution + rule)) + convolution), program.Ops.OfType<DeltaRuleOp>().Select(op => op.StateOffset));
        Assert.Equal(4 * (convolution + rule), program.Shape.StateBytes);
        Assert.Equal([1, 4], program.Slices.Where(slice => slice.Projection == Projection.OutputGate).Select(slice => slice.Layer));
    }

    /// <summary>Vectors of the recurrence are not rounded: what is kept is what the file holds, or −e^x of it in double.</summary>
    [Fact]
    public void Load_VectorsInSingle_AreNotRounded()
    {
        var model = Make("Qwen3_5ForCausalLM");
        model.ElementType = "F32";
        const string Mixer = "model.layers.0.linear_attn.";
        foreach (var name in new[] { "A_log", "dt_bias", "norm.weight", "conv1d.weight" })
        {
            var (shape, values) = model.Tensors[Mixer + name];
            model.Tensors[Mixer + name] = (shape, [.. values.Select((value, i) => value + (1f / (3 + i)))]);
        }

        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        var program = ModelRegistry.Build("tiny", Parse(model), 64);
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, folder.Path);
        Assert.True(backend.IsComplete);
        Assert.Equal(model.Tensors[Mixer + "A_log"].Values.Select(value => (float)-Math.Exp(value)), Floats("A_log"));
        Assert.Equal(model.Tensors[Mixer + "dt_bias"].Values, Floats("dt_bias"));
        Assert.Equal(model.Tensors[Mixer + "norm.weight"].Values, Floats("norm.weight"));
        var taps = model.Tensors[Mixer + "conv1d.weight"].Values;
        Assert.Equal(Enumerable.Range(0, taps.Length).Select(i => taps[(i % 256 * 4) + (i / 256)]), Floats("conv1d.weight"));

        float[] Floats(string name) => backend.Floats[program.Weights.Single(weight => weight.Name == Mixer + name).Index];
    }

    [Theory]
    [InlineData("conv1d.weight", "2, 128")]
    [InlineData("A_log", "4, 1")]
    [InlineData("in_proj_qkv.weight", "")]
    [InlineData("dt_bias", "")]
    public void Load_TensorsThatDoNotFit_AreNamed(string name, string shape)
    {
        var model = Make("Qwen3_5ForCausalLM");
        var tensor = "model.layers.0.linear_attn." + name;
        model.Tensors.Remove(tensor);
        if (shape.Length > 0)
        {
            model.Add(tensor, [.. shape.Split(',').Select(long.Parse)]);
        }

        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        Assert.Contains(tensor, Assert.Throws<ModelFormatException>(() => new ModelRunner(folder.Path, 48)).Message, StringComparison.Ordinal);
    }

    /// <summary>A logarithm whose number is infinite, and one that is none.</summary>
    [Theory]
    [InlineData(100f)]
    [InlineData(float.NaN)]
    public void Load_RateThatIsNotFinite_IsRefused(float value)
    {
        var model = Make("Qwen3_5ForCausalLM");
        model.Tensors["model.layers.0.linear_attn.A_log"] = ([4], [0, value, 0, 0]);
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        Assert.Contains("A_log", Assert.Throws<ModelFormatException>(() => new ModelRunner(folder.Path, 48)).Message, StringComparison.Ordinal);
    }

    /// <summary>Layers that guess are no part of other families.</summary>
    [Fact]
    public void Load_GuessingLayersOfAnotherFamily_AreRefused()
    {
        var model = new TinyModel("LlamaForCausalLM");
        model.Add("mtp.fc.weight", TinyModel.Hidden, 2 * TinyModel.Hidden);
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        Assert.Contains("mtp.fc.weight", Assert.Throws<ModelFormatException>(() => new ModelRunner(folder.Path, 48)).Message, StringComparison.Ordinal);
    }

    internal static TinyModel Make(string architecture, int seed = 41)
    {
        var model = new TinyModel(architecture, seed);
        model.MakeRecurrent();
        return model;
    }

    private static ModelConfig Parse(TinyModel model) => ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));

    private static void AssertGives(double[] expected, TinyModel model)
    {
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        runner.Append(Tokens);
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        Assert.All(expected.Zip(runner.Logits(Tokens.Length - 1).ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
