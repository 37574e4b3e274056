using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Peft;

public class PeftAdapterReaderTests
{
    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);
    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);

    [Theory]
    [InlineData("acme", 16, 5)]
    [InlineData("french", 64, 7)]
    [InlineData("json", 16, 7)]
    [InlineData("pirate", 8, 4)]
    [InlineData("shout", 32, 7)]
    [InlineData("terse", 16, 2)]
    public void Read_BundledAdapter_HasItsRankInEveryTargetedSlice(string name, int rank, int projections)
    {
        var program = ModelRegistry.Build("demo", ModelFolder.Open(Repository.DemoModel).Config, 32);
        var folder = Path.Combine(Repository.DemoAdapters, name);
        var adapter = PeftAdapterReader.Read(
            File.ReadAllBytes(Path.Combine(folder, "adapter_config.json")), File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors")), program);
        Assert.Equal(6 * projections, adapter.Weights.Slices.Count);
        Assert.All(adapter.Weights.Slices, slice => Assert.Equal(rank, slice.Rank));
        Assert.Equal(adapter.Weights.Slices.Select(slice => slice.Slice).Order(), adapter.Weights.Slices.Select(slice => slice.Slice));
        Assert.False(adapter.Digest.IsNone);
    }

    [Theory]
    [InlineData("BF16", "")]
    [InlineData("F16", "")]
    [InlineData("F32", ".default")]
    public void Read_AnyElementTypeAndKeySpelling_GivesTheSameMatrices(string elementType, string infix)
    {
        var writer = new SafetensorsWriter();
        float[] a = [.. Enumerable.Range(0, 128).Select(i => i / 256f)];
        float[] b = [.. Enumerable.Range(0, 64).Select(i => -i / 128f)];
        writer.Add($"base_model.model.model.layers.1.self_attn.k_proj.lora_A{infix}.weight", elementType, [2, 64], a);
        writer.Add($"base_model.model.model.layers.1.self_attn.k_proj.lora_B{infix}.weight", elementType, [32, 2], b);
        var config = AdapterGenerator.Config(2, ["k_proj"]);
        config["layers_to_transform"] = new JsonArray(1);
        var adapter = Read(config, writer.ToArray());
        var slice = Assert.Single(adapter.Weights.Slices);
        Assert.Equal((1, Projection.Key), (Program.Slices[slice.Slice].Layer, Program.Slices[slice.Slice].Projection));
        Assert.Equal(a.Select(BFloat16Bits.FromSingle).ToArray(), slice.A.Span);
        Assert.Equal(b.Select(BFloat16Bits.FromSingle).ToArray(), slice.B.Span);
        Assert.Equal(2f, slice.Scale);
    }

    /// <summary>An adapter for embeddings, trained on the decoder without its output projection: the same matrices under shorter names.</summary>
    [Fact]
    public void Read_AdapterOfADecoderAlone_HasTheDecodersMatrices()
    {
        var config = AdapterGenerator.Config(2, ["k_proj"]);
        config["task_type"] = "FEATURE_EXTRACTION";
        config["layers_to_transform"] = new JsonArray(1);
        config["rank_pattern"] = new JsonObject { ["layers.1.self_attn.k_proj"] = 3 };
        var writer = new SafetensorsWriter();
        writer.Add("base_model.model.layers.1.self_attn.k_proj.lora_A.weight", "F32", [3, 64], [.. Enumerable.Range(0, 192).Select(i => i / 256f)]);
        writer.Add("base_model.model.layers.1.self_attn.k_proj.lora_B.weight", "F32", [32, 3], new float[96]);
        var slice = Assert.Single(Read(config, writer.ToArray()).Weights.Slices);
        Assert.Equal((1, Projection.Key, 3), (Program.Slices[slice.Slice].Layer, Program.Slices[slice.Slice].Projection, slice.Rank));
        Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), writer.ToArray(), PartProgram()));
    }

    /// <summary>An adapter of a model that sees images, too: the decoder's tensors in either spelling; those of the part that is not served are passed over.</summary>
    [Theory]
    [InlineData("language_model.model.layers.", "vision_tower.")]
    [InlineData("model.language_model.layers.", "model.vision_tower.")]
    public void Read_AdapterOfADecoderThatIsAPart_HasTheDecodersMatrices(string layers, string vision)
    {
        var config = AdapterGenerator.Config(2, ["k_proj"]);
        config["target_modules"] = "(?:.*?(?:language|vision).*?(?:self_attn).*?(?:k_proj).*?)";
        config["layers_to_transform"] = new JsonArray(1);
        var writer = new SafetensorsWriter();
        foreach (var module in new[] { layers + "1.self_attn.k_proj", vision + "vision_model.encoder.layers.1.self_attn.k_proj" })
        {
            writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [2, 64], new float[128]);
            writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [32, 2], new float[64]);
        }

        var adapter = PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), writer.ToArray(), PartProgram());
        Assert.Equal((1, Projection.Key), (Program.Slices[adapter.Weights.Slices.Single().Slice].Layer, Program.Slices[adapter.Weights.Slices.Single().Slice].Projection));
        var error = Assert.Throws<AdapterFormatException>(() => Read(config, writer.ToArray()));
        Assert.Contains("not of a projection that this model has", error.Message, StringComparison.Ordinal);
    }

    /// <summary>An adapter of a decoder that is the whole model is none of one that is a part.</summary>
    [Fact]
    public void Read_AdapterOfAWholeDecoderForAPart_IsRefused()
    {
        var config = AdapterGenerator.Config(2, ["k_proj"]);
        var error = Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(
            Encoding.UTF8.GetBytes(config.ToJsonString()), AdapterGenerator.Weights(Tiny, 1, 2, ["k_proj"]), PartProgram()));
        Assert.Contains("not of a projection that this model has", error.Message, StringComparison.Ordinal);
    }

    private static ModelProgram PartProgram()
    {
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString()));
        return ModelRegistry.Build("part", config with { TensorPrefix = TensorNames.LanguageModel }, 32);
    }

    [Fact]
    public void Read_RankAndAlphaPatterns_FirstMatchingKeyDecides()
    {
        var config = AdapterGenerator.Config(4, ["q_proj", "down_proj"]);
        config["rank_pattern"] = new JsonObject { ["layers.1.self_attn.q_proj"] = 2, [@"model\.layers\.\d+\.mlp\.down_proj"] = 3, ["q_proj"] = 1 };
        config["alpha_pattern"] = new JsonObject { ["down_proj"] = 6, ["ers.1.self_attn.q_proj"] = 100 };
        var writer = new SafetensorsWriter();
        foreach (var (module, rank, input, output) in new[]
        {
            ("0.self_attn.q_proj", 1, 64, 64), ("0.mlp.down_proj", 3, 96, 64), ("1.self_attn.q_proj", 2, 64, 64), ("1.mlp.down_proj", 3, 96, 64),
        })
        {
            writer.Add($"base_model.model.model.layers.{module}.lora_A.weight", "F32", [rank, input], new float[rank * input]);
            writer.Add($"base_model.model.model.layers.{module}.lora_B.weight", "F32", [output, rank], new float[rank * output]);
        }

        var slices = Read(config, writer.ToArray()).Weights.Slices;
        Assert.Equal([1, 3, 2, 3], slices.Select(slice => slice.Rank));
        Assert.Equal([8f, 2f, 4f, 2f], slices.Select(slice => slice.Scale));
    }

    [Fact]
    public void Read_RankStabilized_DividesByTheRoot()
    {
        var config = AdapterGenerator.Config(16, ["v_proj"]);
        config["use_rslora"] = true;
        var adapter = Read(config, AdapterGenerator.Weights(Tiny, 1, 16, ["v_proj"]));
        Assert.All(adapter.Weights.Slices, slice => Assert.Equal(8f, slice.Scale));
    }

    [Theory]
    [InlineData("\"all-linear\"")]
    [InlineData("\".*\\\\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)\"")]
    [InlineData("\"(?:.*?(?:model).*?(?:self_attn|mlp).*?(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)|(?:\\\\bmodel\\\\.layers\\\\.[\\\\d]{1,}\\\\.x)\"")]
    [InlineData("[\"self_attn.q_proj\",\"k_proj\",\"v_proj\",\"o_proj\",\"gate_proj\",\"up_proj\",\"mlp.down_proj\"]")]
    public void Read_TargetModulesInEveryForm_FindsAllProjections(string targets)
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = JsonNode.Parse(targets);
        Assert.Equal(Program.Slices.Count, Read(config, AdapterGenerator.Weights(Tiny, 1, 4, AdapterGenerator.All)).Weights.Slices.Count);
    }

    [Fact]
    public void Read_ExcludedModules_AreNotExpected()
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = "all-linear";
        config["exclude_modules"] = new JsonArray("gate_proj", "up_proj", "down_proj");
        Assert.Equal(8, Read(config, AdapterGenerator.Weights(Tiny, 1, 4, AdapterGenerator.Attention)).Weights.Slices.Count);
    }

    [Theory]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("lora_bias", "true")]
    [InlineData("layer_replication", "[[0,1]]")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("use_qalora", "true")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("task_type", "\"SEQ_CLS\"")]
    [InlineData("target_modules", "[\"q_proj\",\"lm_head\"]")]
    [InlineData("target_modules", "\"(a+)+\\\\1\"")]
    [InlineData("target_modules", "\"((.{999}){999}){999}\"")]
    [InlineData("r", "257")]
    public void Read_WhatIsNotDone_IsRefusedByName(string key, string value)
    {
        var config = AdapterGenerator.Config(4, ["q_proj"]);
        config[key] = JsonNode.Parse(value);
        var error = Assert.Throws<AdapterFormatException>(() => Read(config, AdapterGenerator.Weights(Tiny, 1, 4, ["q_proj"])));
        Assert.Equal(AdapterFailure.Unsupported, error.Failure);
        var named = key switch { "target_modules" => value.Contains("lm_head", StringComparison.Ordinal) ? "lm_head" : "pattern", "r" => "rank 257", _ => key };
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base_model.model.model.embed_tokens.lora_embedding_A", "embeddings")]
    [InlineData("base_model.model.lm_head.lora_A.weight", "projection")]
    [InlineData("base_model.model.model.layers.00.self_attn.k_proj.lora_A.weight", "projection")]
    [InlineData("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", "lora_bias")]
    public void Read_ForeignTensor_IsRefusedByName(string name, string reason)
    {
        var writer = new SafetensorsWriter().Add(name, "F32", [4, 64], new float[256]);
        var error = Assert.Throws<AdapterFormatException>(() => Read(AdapterGenerator.Config(4, ["q_proj"]), writer.ToArray()));
        Assert.Equal(AdapterFailure.Unsupported, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TargetedModuleWithoutMatrices_IsCorrupt()
    {
        var error = Assert.Throws<AdapterFormatException>(
            () => Read(AdapterGenerator.Config(4, ["q_proj", "v_proj"]), AdapterGenerator.Weights(Tiny, 1, 4, ["q_proj"])));
        Assert.Equal(AdapterFailure.Corrupt, error.Failure);
        Assert.Contains("v_proj", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MatricesOfModulesNotTargeted_AreCorrupt()
    {
        var error = Assert.Throws<AdapterFormatException>(
            () => Read(AdapterGenerator.Config(4, ["q_proj"]), AdapterGenerator.Weights(Tiny, 1, 4, ["q_proj", "v_proj"])));
        Assert.Contains("not of a targeted module", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_RankOtherThanTheConfigs_IsCorrupt()
    {
        var error = Assert.Throws<AdapterFormatException>(() => Read(AdapterGenerator.Config(8, ["q_proj"]), AdapterGenerator.Weights(Tiny, 1, 4, ["q_proj"])));
        Assert.Contains("has shape [4, 64], expected [8, 64]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MoreLayersThanTheModel_IsCorrupt()
    {
        var error = Assert.Throws<AdapterFormatException>(
            () => Read(AdapterGenerator.Config(4, ["q_proj"]), AdapterGenerator.Weights(Tiny with { Layers = 3 }, 1, 4, ["q_proj"])));
        Assert.Contains("layer that the model does not have", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen2.5-0.5b-instruct-r8", null)]
    [InlineData("gpt2-seqcls-r8", "fan_in_fan_out")]
    [InlineData("gpt2-causal-r8", "c_attn")]
    [InlineData("opt-125m-r16", "not of a projection")]
    public void Read_PublishedAdapters_ServedOrRefusedByName(string name, string? refused)
    {
        var folder = Repository.SharedData("lora", name);
        var config = File.ReadAllBytes(Path.Combine(folder, "adapter_config.json"));
        var weights = File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors"));
        var program = ModelRegistry.Build("qwen", ModelConfig.Parse("""
            {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
             "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768, "use_sliding_window": false, "sliding_window": 32768}
            """u8.ToArray()), 16);
        if (refused is null)
        {
            Assert.Equal(48, PeftAdapterReader.Read(config, weights, program).Weights.Slices.Count);
            return;
        }

        var error = Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(config, weights, program));
        Assert.Equal(AdapterFailure.Unsupported, error.Failure);
        Assert.Matches(refused + "|task_type", error.Message);
    }

    [Fact]
    public void Read_OneByteOtherwise_IsAnotherDigest()
    {
        var config = Encoding.UTF8.GetBytes(AdapterGenerator.Config(4, ["q_proj"]).ToJsonString());
        var digests = Enumerable.Range(0, 3).Select(seed => PeftAdapterReader.Read(config, AdapterGenerator.Weights(Tiny, seed, 4, ["q_proj"]), Program).Digest);
        Assert.Equal(3, digests.Distinct().Count());
    }

    private static AdapterContent Read(JsonObject config, byte[] weights) => PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), weights, Program);
}
