using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Cpu;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Engine.Tests.Loading;
using Serving.Engine.Tests.Loading.Quantized;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>gpt-oss: plain and MXFP4 checkpoints against the model written down once more.</summary>
public sealed class GptOssTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Program_OfPlainFloats_ComputesThePublishedModel(bool hasAttentionBias)
    {
        using var folder = new TemporaryFolder();
        var model = Make(40, hasAttentionBias);
        model.Write(folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    [Fact]
    public void Program_OfMxfp4_ComputesThePublishedModelOfWhatItsCodesStandFor()
    {
        using var folder = new TemporaryFolder();
        var model = Make(64);
        WriteMxfp4(model, folder.Path);
        AssertIsPublished(model, folder.Path);
    }

    /// <summary>Bit for bit the weights of the plain checkpoint, whose experts lie the other way round; and the very integers where they are kept.</summary>
    [Fact]
    public void Load_Mxfp4_GivesTheWeightsOfThePlainCheckpoint()
    {
        using var quantized = new TemporaryFolder();
        using var plain = new TemporaryFolder();
        var model = Make(64);
        WriteMxfp4(model, quantized.Path);
        model.Write(plain.Path);
        var program = ModelRegistry.Build("tiny", ModelFolder.Open(plain.Path).Config, 64);
        var (fromPlain, fromQuantized) = (Load(program, plain.Path), Load(program, quantized.Path));
        Assert.Equal(fromPlain.Values, fromQuantized.Values);
        var experts = program.Weights.Where(weight => weight.Experts > 1 && weight.Kind == WeightKind.Matrix).Select(weight => weight.Index).ToHashSet();
        Assert.Equal(2 * TinyModel.Layers, experts.Count);
        foreach (var (format, stored) in new[] { (WeightFormat.Int8, false), (WeightFormat.Int8, true), (WeightFormat.Int4, true) })
        {
            var asked = ProgramQuantization.Apply(program, format);
            var target = stored ? Keep(asked, quantized.Path) : asked;
            Assert.All(target.Weights.Zip(asked.Weights), pair => Assert.Equal(stored && experts.Contains(pair.First.Index) ? WeightFormat.Mxfp4 : pair.Second.Format, pair.First.Format));
            var kept = Load(target, quantized.Path);
            foreach (var weight in target.Weights.Where(weight => experts.Contains(weight.Index)))
            {
                for (var i = 0; i < weight.Rows * weight.Columns; i++)
                {
                    Assert.Equal(Compute.Numerics.BFloat16Bits.ToSingle(fromPlain.Values[weight.Index][i]), kept.Integers[(weight.Index, i / weight.Columns, i % weight.Columns)]);
                }
            }
        }

        // Of a checkpoint that has none in MXFP4, none is kept.
        Assert.DoesNotContain(Keep(ProgramQuantization.Apply(program, WeightFormat.Int8), plain.Path).Weights, weight => weight.Format == WeightFormat.Mxfp4);
    }

    /// <summary>Experts in four bits give the bits that their numbers give in eight: many rows at once, and one by one.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("avx2")]
    public void Run_Mxfp4ThatIsKept_GivesTheLogitsOfEightBits(string? isa)
    {
        Repository.Requires(isa is null || CpuBackend.SupportedInstructionSets.Contains(isa), "the native library is missing");
        using var folder = new TemporaryFolder();
        WriteMxfp4(Make(64), folder.Path);
        AssertSameLogits(folder.Path, isa, hasOthers: true);
    }

    /// <summary>Those of int8 with experts as they are and as eight bits; and of int4 where nothing else is rounded, others where something is.</summary>
    internal static void AssertSameLogits(string path, string? isa, bool hasOthers)
    {
        using var kept = new ModelRunner(path, 48, exact: false, WeightFormat.Int8, keepsStored: true, isa: isa);
        using var eight = new ModelRunner(path, 48, exact: false, WeightFormat.Int8, isa: isa);
        using var four = new ModelRunner(path, 48, exact: false, WeightFormat.Int4, keepsStored: true, isa: isa);
        for (var at = 0; at < Tokens.Length; at += at == 0 ? 36 : 1)
        {
            var tokens = Tokens.AsSpan(at, at == 0 ? 36 : 1);
            Assert.Equal(eight.Append(tokens), kept.Append(tokens));
            four.Append(tokens);
            Assert.Equal(eight.Logits(tokens.Length - 1).ToArray(), kept.Logits(tokens.Length - 1).ToArray());
            Assert.Equal(!hasOthers, eight.Logits(tokens.Length - 1).SequenceEqual(four.Logits(tokens.Length - 1)));
        }
    }

    [Theory]
    [InlineData("model.layers.1.mlp.experts.gate_up_proj_scales", "model.layers.1.mlp.experts.gate_up_proj_scales")]
    [InlineData("model.layers.0.mlp.experts.down_proj_blocks", "model.layers.0.mlp.experts.down_proj")]
    [InlineData("model.layers.0.mlp.experts.down_proj_bias", "model.layers.0.mlp.experts.down_proj_bias")]
    [InlineData("model.layers.1.self_attn.sinks", "model.layers.1.self_attn.sinks")]
    [InlineData("model.layers.1.mlp.router.bias", "model.layers.1.mlp.router.bias")]
    public void Load_TensorsThatDoNotFit_AreNamed(string tensor, string missing)
    {
        Refused(tensors => tensors.RemoveAll(entry => entry.Name == tensor), missing);
        Refused(tensors => Change(tensors, tensor, entry => entry with { Shape = [1, .. entry.Shape] }), tensor);
        Refused(tensors => Change(tensors, tensor, entry => entry with { Name = tensor + "_twice" }, keeps: true), tensor + "_twice");

        void Refused(Action<List<StoredEntry>> change, string named)
        {
            using var folder = new TemporaryFolder();
            WriteMxfp4(Make(64), folder.Path, change);
            var error = Assert.Throws<ModelFormatException>(() => new ModelRunner(folder.Path, 48));
            Assert.Contains(named, error.Message, StringComparison.Ordinal);
        }

        static void Change(List<StoredEntry> tensors, string name, Func<StoredEntry, StoredEntry> change, bool keeps = false)
        {
            var entry = tensors.Single(entry => entry.Name == name);
            tensors.RemoveAll(other => !keeps && other.Name == name);
            tensors.Add(change(entry));
        }
    }

    /// <summary>The published file of gpt-oss-20b.</summary>
    [Fact]
    public void Config_AsPublished_IsRead()
    {
        var config = Parse(Published());
        Assert.Equal(new ModelShape(2880, 2880, 24, 64, 8, 64, 201_088), config.Shape);
        Assert.Equal((131_072, true, true, true), (config.MaxPositions, config.HasSinks, config.QkvBias, config.OutputBias));
        Assert.Equal(new MixtureShape(32, 4), config.Mixture!.Shape);
        Assert.Equal((GateActivation.SwigluOai, 7f), (config.Activation, config.GateLimit));
        Assert.Equal(Enumerable.Range(0, 24).Select(layer => layer % 2 == 0 ? 128 : 0), config.Windows);
        Assert.Equal((150_000.0, 32.0, 4096, false), config.Rope is { Theta: var theta, Scaling: YarnRope yarn } ? (theta, yarn.Factor, yarn.OriginalPositions, yarn.Truncate) : default);
    }

    /// <summary>What is left out is as the published configuration class has it.</summary>
    [Fact]
    public void Config_WithoutWhatIsUsual_IsTheSame()
    {
        var text = Published();
        foreach (var key in new[] { "layer_types", "rope_scaling", "rope_theta", "sliding_window", "swiglu_limit", "attention_bias", "head_dim", "num_experts_per_tok", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps" })
        {
            text.Remove(key);
        }

        Assert.Equivalent(Parse(Published()), Parse(text), strict: true);
    }

    [Theory]
    [InlineData("num_local_experts", "null")]
    [InlineData("num_local_experts", "513")]
    [InlineData("num_experts_per_tok", "33")]
    [InlineData("swiglu_limit", "0")]
    [InlineData("swiglu_limit", "\"7\"")]
    [InlineData("swiglu_alpha", "1.5")]
    [InlineData("sliding_window", "0")]
    [InlineData("layer_types", "[\"sliding_attention\"]")]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("attn_logit_softcapping", "30.0")]
    [InlineData("n_shared_experts", "1")]
    public void Config_ThatIsWrongOrNotDone_NamesTheKey(string key, string value)
    {
        var config = Published();
        config[key] = JsonNode.Parse(value);
        Assert.Contains(key, Assert.Throws<ModelFormatException>(() => Parse(config)).Message, StringComparison.Ordinal);
    }

    /// <summary>Keys of this family alone are refused in others.</summary>
    [Theory]
    [InlineData("swiglu_limit")]
    [InlineData("swiglu_alpha")]
    public void Config_OfAnotherFamilyWithABoundOfGates_IsRefused(string key)
    {
        var model = new TinyModel("LlamaForCausalLM") { Config = { [key] = 7.0 } };
        Assert.Contains(key, Assert.Throws<ModelFormatException>(() => Parse(model.Config)).Message, StringComparison.Ordinal);
    }

    internal static TinyModel Make(int width, bool hasAttentionBias = true)
    {
        var model = new TinyModel("GptOssForCausalLM", seed: 3);
        model.MakeGptOss(width);
        model.Config["attention_bias"] = hasAttentionBias;
        foreach (var name in model.Tensors.Keys.Where(name => !hasAttentionBias && name.EndsWith("_proj.bias", StringComparison.Ordinal)).ToList())
        {
            model.Tensors.Remove(name);
        }

        return model;
    }

    private sealed record StoredEntry(string Name, string Type, long[] Shape, byte[] Bytes);

    /// <summary>Writes a model's folder with its experts in MXFP4; the model's own become what they stand for.</summary>
    internal static void WriteMxfp4(TinyModel model, string folder) => WriteMxfp4(model, folder, _ => { });

    private static void WriteMxfp4(TinyModel model, string folder, Action<List<StoredEntry>> change)
    {
        var (encoder, entries) = (new Mxfp4Encoder(), new List<StoredEntry>());
        foreach (var (name, (shape, values)) in model.Tensors.ToList())
        {
            if (shape.Length != 3)
            {
                entries.Add(new StoredEntry(name, "BF16", shape, [.. SafetensorsWriter.BytesOf("BF16", values)]));
                continue;
            }

            var (experts, inputs, outputs) = ((int)shape[0], (int)shape[1], (int)shape[2]);
            var stands = encoder.EncodeExperts(name, Turned(values, experts, inputs, outputs), experts, outputs, inputs);
            model.Tensors[name] = (shape, Turned(stands, experts, outputs, inputs));
        }

        entries.AddRange(encoder.Tensors.Select(tensor => new StoredEntry(tensor.Name, tensor.Type, tensor.Shape, tensor.Bytes)));
        change(entries);
        var writer = new SafetensorsWriter();
        foreach (var entry in entries)
        {
            writer.AddBytes(entry.Name, entry.Type, entry.Shape, entry.Bytes);
        }

        var config = model.Config.DeepClone().AsObject();
        config["quantization_config"] = encoder.Config;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), writer.ToArray());
    }

    /// <summary>Each of several matrices with rows for columns.</summary>
    private static float[] Turned(float[] values, int count, int rows, int columns) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[(i / (rows * columns) * rows * columns) + (i % rows * columns) + (i / rows % columns)])];

    private static RecordingBackend Load(ModelProgram program, string path)
    {
        var backend = new RecordingBackend(program);
        using var checkpoint = Checkpoint.Open(path);
        WeightLoader.Load(backend, program, checkpoint, WeightSchemes.Of(ModelFolder.Open(path)));
        Assert.True(backend.IsComplete);
        return backend;
    }

    private static ModelProgram Keep(ModelProgram program, string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        return StoredFormats.Keep(program, checkpoint, WeightSchemes.Of(ModelFolder.Open(path)));
    }

    private static void AssertIsPublished(TinyModel model, string folder)
    {
        using var runner = new ModelRunner(folder, 48);
        var plain = new PlainDecoder(model);
        runner.Append(Tokens[..33]);
        Compare(plain.Logits(Tokens[..33]), runner.Logits(32));
        runner.Append(Tokens[33..]);
        Compare(plain.Logits(Tokens), runner.Logits(6));
    }

    private static void Compare(double[] expected, ReadOnlySpan<float> actual)
    {
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    private static JsonObject Published() => JsonNode.Parse("""
        {"architectures":["GptOssForCausalLM"],"attention_bias":true,"attention_dropout":0.0,"eos_token_id":200002,"experts_per_token":4,"head_dim":64,"hidden_act":"silu","hidden_size":2880,
        "initial_context_length":4096,"initializer_range":0.02,"intermediate_size":2880,"max_position_embeddings":131072,"model_type":"gpt_oss","num_attention_heads":64,"num_experts_per_tok":4,
        "num_hidden_layers":24,"num_key_value_heads":8,"num_local_experts":32,"output_router_logits":false,"pad_token_id":199999,
        "layer_types":["sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention",
        "full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention",
        "full_attention","sliding_attention","full_attention","sliding_attention","full_attention"],
        "quantization_config":{"modules_to_not_convert":["model.layers.*.self_attn","model.layers.*.mlp.router","model.embed_tokens","lm_head"],"quant_method":"mxfp4"},"rms_norm_eps":1e-05,
        "rope_scaling":{"beta_fast":32.0,"beta_slow":1.0,"factor":32.0,"original_max_position_embeddings":4096,"rope_type":"yarn","truncate":false},"rope_theta":150000,"router_aux_loss_coef":0.9,
        "sliding_window":128,"swiglu_limit":7.0,"tie_word_embeddings":false,"use_cache":true,"vocab_size":201088}
        """)!.AsObject();

    private static ModelConfig Parse(JsonObject config) => ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJsonString()));
}
