using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

/// <summary>110,000 mutated files: each is read or refused with its typed exception, and nothing else happens.</summary>
public class HostileFileTests
{
    private static readonly AdapterDimensions Tiny = new(1, 64, 96, 64, 32);
    private static readonly byte[] Config = Encoding.UTF8.GetBytes(MakeConfig());
    private static readonly ModelProgram Program = ModelRegistry.Build("tiny", ModelConfig.Parse(Config), 4);
    private static readonly byte[] AdapterConfig = Encoding.UTF8.GetBytes(MakeAdapterConfig());
    private static readonly byte[] PlainConfig = Encoding.UTF8.GetBytes(AdapterGenerator.Config(2, ["q_proj", "down_proj"]).ToJsonString());
    private static readonly byte[] AdapterWeights = AdapterGenerator.Weights(Tiny, 1, 2, ["q_proj", "down_proj"]);

    [Fact]
    public void Header_Mutated40000Times_IsReadOrRefused()
    {
        var headerBytes = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(AdapterWeights);
        HostileFiles.Run<AdapterFormatException>(40_000, AdapterWeights, headerBytes, file => PeftAdapterReader.Read(PlainConfig, file, Program));
    }

    [Fact]
    public void AdapterConfig_Mutated30000Times_IsReadOrRefused()
    {
        HostileFiles.Run<AdapterFormatException>(30_000, AdapterConfig, AdapterConfig.Length, file => PeftAdapterReader.Read(file, AdapterWeights, Program));
    }

    [Fact]
    public void Config_Mutated30000Times_IsReadOrRefused()
    {
        HostileFiles.Run<ModelFormatException>(30_000, Config, Config.Length, file =>
        {
            // A config that is accepted must also be buildable: its sizes are bounded so that no product overflows.
            var config = ModelConfig.Parse(file);
            if (config.Shape.LayerCount < 10)
            {
                ModelRegistry.Build("mutated", config, 1);
            }
        });
    }

    [Fact]
    public void GemmaConfig_Mutated30000Times_IsReadOrRefused()
    {
        var file = Encoding.UTF8.GetBytes(MakeGemmaConfig());
        HostileFiles.Run<ModelFormatException>(30_000, file, file.Length, mutated =>
        {
            var config = ModelConfig.Parse(mutated);
            if (config.Shape.LayerCount < 10)
            {
                ModelRegistry.Build("mutated", config, 1);
            }
        });
    }

    [Theory]
    [InlineData("Qwen3_5ForCausalLM")]
    [InlineData("Qwen3NextForCausalLM")]
    public void RecurrentConfig_Mutated20000Times_IsReadOrRefused(string architecture)
    {
        var file = Encoding.UTF8.GetBytes(Models.RecurrentFamilyTests.Make(architecture).Config.ToJsonString());
        HostileFiles.Run<ModelFormatException>(20_000, file, file.Length, mutated =>
        {
            var config = ModelConfig.Parse(mutated);
            Assert.InRange(config.Shape.StatePages, 0, int.MaxValue);
            if (config.Shape.LayerCount < 10)
            {
                ModelRegistry.Build("mutated", config, 1);
            }
        });
    }

    [Fact]
    public void GenerationConfig_Mutated10000Times_IsReadOrRefused()
    {
        var file = """{"bos_token_id":0,"eos_token_id":[3,1],"do_sample":true,"temperature":0.7,"top_p":0.9,"top_k":20,"min_p":0.05,"repetition_penalty":1.1}"""u8.ToArray();
        HostileFiles.Run<ModelFormatException>(10_000, file, file.Length, mutated => GenerationConfig.Parse(mutated, 100));
    }

    private static string MakeConfig()
    {
        var config = new TinyModel("Qwen3ForCausalLM").Config;
        config["num_hidden_layers"] = 1;
        config["rope_scaling"] = JsonNode.Parse("""{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":64}""");
        config["layer_types"] = new JsonArray("full_attention");
        config["eos_token_id"] = new JsonArray(1, 2);
        return config.ToJsonString();
    }

    private static string MakeGemmaConfig()
    {
        var model = new TinyModel("Gemma3ForConditionalGeneration");
        model.MakeGemma(3);
        model.Config.Remove("rope_scaling");
        model.Config["layer_types"] = new JsonArray("full_attention", "sliding_attention");
        model.Config["rope_parameters"] = JsonNode.Parse("""{"full_attention":{"rope_type":"linear","factor":8.0},"sliding_attention":{"rope_theta":500.0}}""");
        var text = model.Config.DeepClone();
        return new JsonObject { ["architectures"] = new JsonArray("Gemma3ForConditionalGeneration"), ["text_config"] = text, ["vision_config"] = new JsonObject() }.ToJsonString();
    }

    private static string MakeAdapterConfig()
    {
        var config = AdapterGenerator.Config(2, ["q_proj", "down_proj"]);
        config["rank_pattern"] = new JsonObject { [@"layers\.[0-9]{1,3}\.mlp.down_proj"] = 2 };
        config["layers_to_transform"] = new JsonArray(0);
        config["exclude_modules"] = "(.*lm_head)";
        return config.ToJsonString();
    }
}
