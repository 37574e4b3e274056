using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Families whose files hold tensors cut otherwise than folders do, or say otherwise what a folder says: the same weights, and the same configuration but for the names of tensors.</summary>
public sealed class GgufFamilyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("GemmaForCausalLM", "F32")]
    [InlineData("GemmaForCausalLM", "Q8_0")]
    [InlineData("Ministral3ForCausalLM", "BF16")]
    [InlineData("MiniCPMForCausalLM", "F32")]
    [InlineData("GraniteMoeHybridForCausalLM", "Q8_0")]
    [InlineData("GraniteMoeForCausalLM", "F32")]
    [InlineData("GraniteMoeSharedForCausalLM", "BF16")]
    [InlineData("GlmForCausalLM", "F32")]
    [InlineData("Phi3ForCausalLM", "F32")]
    [InlineData("Phi3ForCausalLM", "Q4_0")]
    [InlineData("CohereForCausalLM", "Q8_0")]
    [InlineData("Cohere2ForCausalLM", "F32")]
    [InlineData("Starcoder2ForCausalLM", "F32")]
    [InlineData("StableLmForCausalLM", "F32")]
    [InlineData("PhiForCausalLM", "Q8_0")]
    [InlineData("NemotronForCausalLM", "F32")]
    public void Load_File_GivesTheWeightsOfTheFolder(string architecture, string type)
    {
        var model = Make(architecture);
        var file = GgufConverter.Convert(model, GgmlEncoder.Of(type));
        Finish(file, model, architecture);
        Check(file, model);
    }

    [Fact]
    public void Load_Apertus_GivesTheWeightsOfTheFolder()
    {
        var model = new TinyModel("LlamaForCausalLM") { ElementType = "F32" };
        model.MakeXIelu();
        model.NameApertus();
        var file = GgufConverter.Convert(model, GgmlEncoder.F32);
        Check(file, model);
        file.Remove("xielu.beta");
        Assert.Contains("xielu.beta", Assert.ThrowsAny<Exception>(() => Check(file, model)).Message, StringComparison.Ordinal);
    }

    /// <summary>Files hold the base with its factor.</summary>
    [Fact]
    public void Load_Hunyuan_GivesTheWeightsOfTheFolder()
    {
        var model = new TinyModel("LlamaForCausalLM") { ElementType = "F32" };
        model.AddHeadNorms();
        model.NameHunyuan(1);
        var file = GgufConverter.Convert(model, GgmlEncoder.F32).Put("hunyuan-dense.rope.scaling.type", "none").Put("hunyuan-dense.rope.scaling.factor", 1f).Put("hunyuan-dense.rope.scaling.original_context_length", 256);
        Check(file.Remove("hunyuan-dense.expert_count"), model);
    }

    /// <summary>Norms of every head: Command R+'s are one tensor in folders too, StableLM's are one each there, and its layers have one norm for attention and MLP.</summary>
    [Theory]
    [InlineData("CohereForCausalLM")]
    [InlineData("StableLmForCausalLM")]
    public void Load_NormsOfHeads_GivesTheWeightsOfTheFolder(string architecture)
    {
        var model = new TinyModel(architecture) { ElementType = "F32" };
        model.MakeCentred(normsHeads: true, isShared: true);
        Check(GgufConverter.Convert(model, GgmlEncoder.F32), model);
    }

    /// <summary>GLM-4's files hold q, k and v in one tensor, biases too, where they were made of the model's first checkpoints.</summary>
    [Fact]
    public void Load_ChatGlmInOneTensor_GivesTheWeightsOfTheFolder()
    {
        var model = Make("GlmForCausalLM");
        var file = GgufConverter.Convert(model, GgmlEncoder.F32);
        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            foreach (var kind in new[] { "weight", "bias" })
            {
                var parts = new[] { "q", "k", "v" }.Select(part => model.Tensors[$"model.layers.{layer}.self_attn.{part}_proj.{kind}"]).ToList();
                float[] values = [.. parts.SelectMany(part => part.Values)];
                var rows = parts.Sum(part => part.Shape[0]);
                file.Add($"blk.{layer}.attn_qkv.{kind}", 0, kind == "bias" ? [rows] : [TinyModel.Hidden, rows], MemoryMarshal.AsBytes<float>(values).ToArray());
                file.RemoveTensor($"blk.{layer}.attn_q.{kind}").RemoveTensor($"blk.{layer}.attn_k.{kind}").RemoveTensor($"blk.{layer}.attn_v.{kind}");
            }
        }

        Check(file, model);
    }

    /// <summary>Phi-3's files with LongRoPE have its two lists as tensors, which say by themselves that they stretch.</summary>
    [Theory]
    [InlineData("longrope")]
    [InlineData(null)]
    public void Open_LongRope_IsTheFolders(string? kind)
    {
        var model = Models.FamilyTests.Phi3(0.75, 64);
        var file = GgufConverter.Convert(model, GgmlEncoder.F32);
        var amplitude = (float)Math.Sqrt(1 + (Math.Log(256 / 64.0) / Math.Log(64)));
        file.Put("phi3.rope.scaling.original_context_length", 64).Put("phi3.rope.scaling.attn_factor", amplitude).Put("phi3.attention.sliding_window", 0);
        if (kind is not null)
        {
            file.Put("phi3.rope.scaling.type", kind);
        }

        foreach (var name in new[] { "long", "short" })
        {
            float[] factors = [.. model.Config["rope_scaling"]![$"{name}_factor"]!.AsArray().Select(factor => (float)(double)factor!)];
            file.Add($"rope_factors_{name}.weight", 0, [factors.Length], MemoryMarshal.AsBytes<float>(factors).ToArray());
        }

        var (config, expected) = Open(file, model);
        var (actual, published) = (Assert.IsType<LongRope>(config.Rope.Scaling), Assert.IsType<LongRope>(expected.Rope.Scaling));
        Assert.Equal(published.OriginalPositions, actual.OriginalPositions);
        Assert.Equal(published.Amplitude, actual.Amplitude, 1e-6);
        Assert.All(actual.Long.Concat(actual.Short).Zip(published.Long.Concat(published.Short)), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
        Assert.Empty(config.Windows);
        file.RemoveTensor("rope_factors_short.weight");
        Assert.Contains("are not there together", Assert.Throws<ModelFormatException>(() => Open(file, model)).Message, StringComparison.Ordinal);
    }

    /// <summary>Rows of q and k that lie as ggml rotates them are not looked for in one tensor with v.</summary>
    [Fact]
    public void Load_LlamaInOneTensor_IsRefused()
    {
        var file = GgufConverter.Convert(new TinyModel("LlamaForCausalLM"), GgmlEncoder.F32).Add("blk.0.attn_qkv.weight", 0, [TinyModel.Hidden, 128], new byte[4 * 128 * TinyModel.Hidden]);
        file.RemoveTensor("blk.0.attn_q.weight").RemoveTensor("blk.0.attn_k.weight").RemoveTensor("blk.0.attn_v.weight");
        File.WriteAllBytes(_folder.PathOf("model.gguf"), file.ToArray());
        var program = ModelRegistry.Build("tiny", GgufModel.Open(_folder.PathOf("model.gguf")).Config, 64);
        using var backend = new RecordingBackend(program);
        using var files = GgufWeights.Open(_folder.PathOf("model.gguf"));
        Assert.Contains("attn_q.weight", Assert.Throws<ModelFormatException>(() => WeightLoader.Load(backend, program, files)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MiniCpmWithoutItsFactors_IsRefused()
    {
        var model = Make("MiniCPMForCausalLM");
        var file = GgufConverter.Convert(model, GgmlEncoder.F32);
        Assert.Contains("minicpm.embedding_scale is missing", Assert.Throws<ModelFormatException>(() => Open(file, model)).Message, StringComparison.Ordinal);
    }

    /// <summary>Value heads lie in another order, q, k and v are cut otherwise, rates are no logarithms any more; layers that guess tokens ahead are passed over, as are their tensors.</summary>
    [Theory]
    [InlineData("Qwen3_5ForCausalLM", "F32", false)]
    [InlineData("Qwen3_5ForCausalLM", "BF16", true)]
    [InlineData("Qwen3_5ForCausalLM", "Q8_0", true)]
    [InlineData("Qwen3_5MoeForCausalLM", "F32", true)]
    [InlineData("Qwen3NextForCausalLM", "F32", false)]
    [InlineData("Qwen3NextForCausalLM", "BF16", true)]
    public void Load_Recurrent_GivesTheWeightsOfTheFolder(string architecture, string type, bool guesses)
    {
        var model = Models.RecurrentFamilyTests.Make(architecture);
        model.ElementType = "F32";
        var file = GgufConverter.Convert(model, GgmlEncoder.Of(type));
        if (guesses)
        {
            var family = GgufConverter.Families[architecture];
            file.Remove($"{family}.block_count").Remove($"{family}.attention.recurrent_layers");
            file.Put($"{family}.block_count", TinyModel.Layers + 1).Put($"{family}.nextn_predict_layers", 1).Put($"{family}.attention.recurrent_layers", new[] { true, false, false });
            file.Add($"blk.{TinyModel.Layers}.nextn.eh_proj.weight", 0, [2, 2], new byte[16]);
        }

        Check(file, model);
    }

    /// <summary>Integers of a file stay what they are, whichever order value heads have in it: those of rows, and of what reads the values by columns.</summary>
    [Theory]
    [InlineData("Q8_0", WeightFormat.Int8, false)]
    [InlineData("Q4_1", WeightFormat.Int4Asymmetric, false)]
    [InlineData("Q8_0", WeightFormat.Int8, true)]
    [InlineData("Q4_1", WeightFormat.Int4Asymmetric, true)]
    public void Load_RecurrentIntegers_AreTheFolders(string type, WeightFormat format, bool onGpu)
    {
        var model = Models.RecurrentFamilyTests.Make("Qwen3_5ForCausalLM");
        model.ElementType = "F32";
        File.WriteAllBytes(_folder.PathOf("model.gguf"), GgufConverter.Convert(model, GgmlEncoder.Of(type)).ToArray());
        using var files = GgufWeights.Open(_folder.PathOf("model.gguf"));
        var plain = ModelRegistry.Build("tiny", GgufModel.Open(_folder.PathOf("model.gguf")).Config, 64);
        var program = onGpu ? StoredFormats.KeepQuantized(plain, files) : StoredFormats.Keep(ProgramQuantization.Apply(plain, WeightFormat.Int8), files);
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, files);
        Assert.NotEmpty(backend.Floats);
        foreach (var (name, tensors) in new[] { ("layer 0 mixer output", (string[])["out_proj"]), ("layer 0 mixer inputs", ["in_proj_qkv", "in_proj_z"]) })
        {
            var weight = program.Weights.Single(weight => weight.Name == name);
            Assert.Equal(format, weight.Format);
            float[] expected = [.. tensors.SelectMany(tensor => model.Tensors[$"model.layers.0.linear_attn.{tensor}.weight"].Values)];
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], backend.Integers[(weight.Index, i / weight.Columns, i % weight.Columns)], 4e-3);
            }
        }
    }

    /// <summary>What recurrent layers of Qwen3-Next read in one tensor, as older files have it.</summary>
    [Fact]
    public void Load_OlderQwen3Next_GivesTheWeightsOfTheFolder()
    {
        var model = Models.RecurrentFamilyTests.Make("Qwen3NextForCausalLM");
        model.ElementType = "F32";
        var file = GgufConverter.Convert(model, GgmlEncoder.F32).RemoveTensor("blk.0.attn_qkv.weight").RemoveTensor("blk.0.attn_gate.weight");
        var (shape, values) = model.Tensors["model.layers.0.linear_attn.in_proj_qkvz.weight"];
        file.Add("blk.0.ssm_in.weight", 0, [shape[1], shape[0]], MemoryMarshal.AsBytes<float>(values).ToArray());
        Check(file, model);
    }

    [Theory]
    [InlineData("ssm.inner_size", 126, "qwen35.ssm.inner_size is not a multiple")]
    [InlineData("ssm.group_count", 3, "linear_num_value_heads")]
    [InlineData("ssm.unknown", 3, "qwen35.ssm.unknown")]
    [InlineData("nextn_predict_layers", 2, "num_hidden_layers")]
    [InlineData("nextn_predict_layers", -3, "num_hidden_layers")]
    public void Open_RecurrentThatIsWrong_NamesTheKey(string key, int value, string named)
    {
        var model = Models.RecurrentFamilyTests.Make("Qwen3_5ForCausalLM");
        var file = GgufConverter.Convert(model, GgmlEncoder.F32).Remove($"qwen35.{key}").Put($"qwen35.{key}", value);
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Open(file, model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ssm.conv_kernel")]
    [InlineData("ssm.time_step_rank")]
    public void Open_RecurrentWithoutAKey_NamesIt(string key)
    {
        var model = Models.RecurrentFamilyTests.Make("Qwen3_5ForCausalLM");
        var file = GgufConverter.Convert(model, GgmlEncoder.F32).Remove($"qwen35.{key}");
        Assert.Contains($"qwen35.{key} is missing", Assert.Throws<ModelFormatException>(() => Open(file, model)).Message, StringComparison.Ordinal);
    }

    private static TinyModel Make(string architecture)
    {
        var model = new TinyModel(architecture == "GraniteMoeHybridForCausalLM" ? "GraniteForCausalLM" : architecture) { ElementType = "F32" };
        switch (architecture)
        {
            case "GemmaForCausalLM":
                model.Config["hidden_act"] = "gelu";
                break;
            case "Ministral3ForCausalLM":
                model.Config["rope_scaling"] = new JsonObject
                {
                    ["rope_type"] = "yarn",
                    ["factor"] = 8.0,
                    ["original_max_position_embeddings"] = 32,
                    ["beta_fast"] = 16.0,
                    ["beta_slow"] = 2.0,
                    ["mscale"] = 1,
                    ["mscale_all_dim"] = 1.0,
                    ["llama_4_scaling_beta"] = 0.5,
                };
                break;
            case "MiniCPMForCausalLM":
                (model.Config["scale_emb"], model.Config["scale_depth"], model.Config["dim_model_base"], model.Config["tie_word_embeddings"]) = (12, 2 * Math.Sqrt(TinyModel.Layers), 16, false);
                break;
            case "GraniteMoeHybridForCausalLM":
                AddFactors(model);
                model.MakeGranite4();
                break;
            case "GraniteMoeForCausalLM" or "GraniteMoeSharedForCausalLM":
                AddFactors(model);
                model.MakeMixture();
                break;
            case "GlmForCausalLM":
                model.MakeGlm(0.5);
                break;
            case var centred when TinyModel.HasLayerNorms(centred):
                model.MakeCentred();
                if (centred == "Cohere2ForCausalLM")
                {
                    model.Config.Remove("sliding_window_pattern");
                    model.Config["layer_types"] = new JsonArray("sliding_attention", "full_attention");
                }

                break;
            case "Phi3ForCausalLM":
                model.Config["partial_rotary_factor"] = 0.75;
                model.FuseProjections();
                break;
        }

        return model;

        static void AddFactors(TinyModel model)
        {
            foreach (var (name, value) in new[] { ("embedding_multiplier", 12), ("residual_multiplier", 0.25), ("attention_multiplier", 0.015625), ("logits_scaling", 10) })
            {
                model.Config[name] = value;
            }
        }
    }

    /// <summary>Keys that the converter makes of others.</summary>
    private static void Finish(GgufWriter file, TinyModel model, string architecture)
    {
        if (architecture == "MiniCPMForCausalLM")
        {
            file.Put("minicpm.embedding_scale", 12f).Put("minicpm.residual_scale", 2f).Put("minicpm.logit_scale", TinyModel.Hidden / 16f);
        }
        else if (architecture is "StableLmForCausalLM" or "NemotronForCausalLM")
        {
            // What files say beside.
            file.Put("stablelm.use_parallel_residual", true).Put("nemotron.attention.layer_norm_rms_epsilon", 1e-3f);
        }
        else if (architecture == "GraniteMoeHybridForCausalLM")
        {
            file.Put("granite.ssm.conv_kernel", 4).Put("granite.ssm.state_size", 128).Put("granite.rope.scaling.finetuned", true);
        }
    }

    private (ModelConfig Config, ModelConfig Expected) Open(GgufWriter file, TinyModel model)
    {
        File.WriteAllBytes(_folder.PathOf("model.gguf"), file.ToArray());
        model.Write(_folder.Path);
        return (GgufModel.Open(_folder.PathOf("model.gguf")).Config, ModelFolder.Open(_folder.Path).Config);
    }

    private void Check(GgufWriter file, TinyModel model)
    {
        var (config, expected) = Open(file, model);
        Assert.Equivalent(Plain(expected) with { AttentionScale = expected.AttentionScale ?? config.AttentionScale, Architecture = config.Architecture }, Plain(config), strict: true);
        var (fromFile, fromFolder) = (ModelRegistry.Build("tiny", config, 64), ModelRegistry.Build("tiny", expected, 64));
        using var loaded = new RecordingBackend(fromFile);
        using var files = GgufWeights.Open(_folder.PathOf("model.gguf"));
        WeightLoader.Load(loaded, fromFile, files);
        using var original = new RecordingBackend(fromFolder);
        WeightLoader.Load(original, fromFolder, _folder.Path);
        Assert.True(loaded.IsComplete);
        Assert.Equal(original.Values, loaded.Values);
        Assert.Equal(original.Floats.OrderBy(vector => vector.Key).Select(vector => vector.Value), loaded.Floats.OrderBy(vector => vector.Key).Select(vector => vector.Value));
        Assert.Equal(fromFolder.Ops.Select(op => op.GetType()), fromFile.Ops.Select(op => op.GetType()));
    }

    /// <summary>A configuration without what its tensors are called.</summary>
    private static ModelConfig Plain(ModelConfig config) => config with
    {
        FusedQkv = false,
        FusedGateUp = false,
        Mlp = MlpNames.Usual,
        Shape = config.Shape with { IntermediateSize = config.Recurrence is null ? config.Shape.IntermediateSize : 0 },
        Recurrence = config.Recurrence is { } rule ? rule with { FusedInputs = false, FusedRates = false } : null,
        HeadNorms = config.HeadNorms == HeadNorms.Apart ? HeadNorms.Together : config.HeadNorms,
        Mixture = config.Mixture is { } mixture ? mixture with { Tensors = MixtureTensors.Qwen, Shared = mixture.Shared is { } shared ? SharedExpert.Qwen(shared.Width) with { Factor = shared.Factor } : null } : null,
    };
}
