using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Models;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

public class ModelConfigTests
{
    [Theory]
    [InlineData("LlamaForCausalLM", false, false, false, false)]
    [InlineData("MistralForCausalLM", false, false, false, false)]
    [InlineData("Qwen2ForCausalLM", true, false, false, false)]
    [InlineData("Qwen3ForCausalLM", false, false, false, true)]
    public void Parse_FamilyDefaults_DecideBiasesAndNorms(string architecture, bool qkvBias, bool outputBias, bool mlpBias, bool queryKeyNorm)
    {
        var config = Parse(architecture);
        Assert.Equal((qkvBias, outputBias, mlpBias, queryKeyNorm), (config.QkvBias, config.OutputBias, config.MlpBias, config.QueryKeyNorm));
        Assert.Equal(new ModelShape(64, 96, 2, 4, 2, 16, 128), config.Shape);
        Assert.Equal([2], config.EosIds);
    }

    [Fact]
    public void Parse_AttentionAndMlpBias_AreRead()
    {
        var config = Parse("LlamaForCausalLM", ("attention_bias", true), ("mlp_bias", true), ("eos_token_id", new JsonArray(5, 7)));
        Assert.True(config.QkvBias && config.OutputBias && config.MlpBias);
        Assert.Equal([5, 7], config.EosIds);
        Assert.True(Parse("Qwen3ForCausalLM", ("attention_bias", true)).OutputBias);
    }

    [Fact]
    public void Parse_HeadSize_IsReadAndOnlyDerivedWithoutIt()
    {
        Assert.Equal(32, Parse("LlamaForCausalLM", ("head_dim", 32)).Shape.HeadSize);
        Assert.Equal(16, Parse("LlamaForCausalLM", ("head_dim", null)).Shape.HeadSize);
        Assert.Equal(128, Parse("Qwen3ForCausalLM", ("head_dim", null)).Shape.HeadSize);
    }

    [Theory]
    [InlineData("MistralForCausalLM", "{\"sliding_window\":100}", 100, 100)]
    [InlineData("MistralForCausalLM", "{\"sliding_window\":null}")]
    [InlineData("Qwen2ForCausalLM", "{\"sliding_window\":100,\"use_sliding_window\":false}")]
    [InlineData("Qwen2ForCausalLM", "{\"sliding_window\":100}")]
    [InlineData("Qwen2ForCausalLM", "{\"sliding_window\":100,\"use_sliding_window\":true}")]
    [InlineData("Qwen2ForCausalLM", "{\"sliding_window\":100,\"use_sliding_window\":true,\"max_window_layers\":1}", 0, 100)]
    [InlineData("Qwen2ForCausalLM", "{\"sliding_window\":100,\"use_sliding_window\":true,\"max_window_layers\":2}")]
    [InlineData("Qwen3ForCausalLM", "{\"sliding_window\":100,\"layer_types\":[\"full_attention\",\"sliding_attention\"]}", 0, 100)]
    [InlineData("Qwen3ForCausalLM", "{\"sliding_window\":100,\"layer_types\":[\"full_attention\",\"full_attention\"]}")]
    public void Parse_SlidingWindow_IsThatOfItsLayers(string architecture, string changes, params int[] windows)
    {
        var config = Parse(architecture, Changes(changes));
        Assert.Equal(windows, config.Windows);
        Assert.Equal(256, config.MaxPositions);
    }

    [Theory]
    [InlineData("{\"sliding_window\":100,\"layer_types\":[\"sliding_attention\"]}", "layer_types")]
    [InlineData("{\"sliding_window\":100,\"layer_types\":[\"full_attention\",\"chunked_attention\"]}", "chunked_attention")]
    [InlineData("{\"sliding_window\":0}", "sliding_window")]
    public void Parse_SlidingWindowThatIsWrong_IsNamed(string changes, string named) =>
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Parse("MistralForCausalLM", Changes(changes))).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_MistralWithoutTheKey_HasItsFamilysWindow()
    {
        var model = new TinyModel("MistralForCausalLM").Config;
        model.Remove("sliding_window");
        model["max_position_embeddings"] = 32768;
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.ToJsonString()));
        Assert.Equal([4096, 4096], config.Windows);
        Assert.Equal(32768, config.MaxPositions);
    }

    [Theory]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("partial_rotary_factor", "0.5")]
    [InlineData("attn_logit_softcapping", "50.0")]
    [InlineData("final_logit_softcapping", "30.0")]
    [InlineData("compression_config", "{\"quant_method\":\"sparseml\"}")]
    [InlineData("num_local_experts", "8")]
    [InlineData("num_experts", "64")]
    [InlineData("rope_scaling", "{\"rope_type\":\"longrope\",\"short_factor\":[1],\"long_factor\":[1],\"original_max_position_embeddings\":64}")]
    [InlineData("rope_scaling", "{\"type\":\"dynamic\",\"factor\":2,\"alpha\":1000}")]
    [InlineData("rope_scaling", "{\"type\":\"mrope\",\"mrope_section\":[16,24,24]}")]
    [InlineData("rope_parameters", "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.25}")]
    [InlineData("layer_types", "[\"linear_attention\"]")]
    [InlineData("logit_scale", "0.0625")]
    [InlineData("no_rope_layers", "[1,1,1,0]")]
    [InlineData("use_qk_norm", "true")]
    public void Parse_KeyThatChangesArithmetic_IsRefusedByName(string key, string value)
    {
        var error = Assert.Throws<ModelFormatException>(() => Parse("LlamaForCausalLM", (key, JsonNode.Parse(value))));
        Assert.Contains("not supported", error.Message, StringComparison.Ordinal);
        var names = new[] { key, "longrope", "dynamic", "mrope", "partial_rotary_factor", "linear_attention" };
        Assert.Contains(names, name => error.Message.Contains(name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("partial_rotary_factor", "1.0")]
    [InlineData("rope_scaling", "{\"rope_type\":\"default\"}")]
    [InlineData("rope_scaling", "{\"type\":\"dynamic\",\"factor\":2}")]
    [InlineData("attention_dropout", "0.1")]
    [InlineData("something_new", "{\"a\":[1]}")]
    [InlineData("pretraining_tp", "2")]
    public void Parse_NeutralValues_AreAccepted(string key, string value) => Parse("LlamaForCausalLM", (key, JsonNode.Parse(value)));

    [Theory]
    [InlineData("hidden_size", "null", "hidden_size is missing")]
    [InlineData("hidden_size", "-64", "hidden_size is not a whole number")]
    [InlineData("hidden_size", "2000000000", "hidden_size is not a whole number")]
    [InlineData("num_attention_heads", "\"4\"", "num_attention_heads")]
    [InlineData("num_key_value_heads", "3", "divisor")]
    [InlineData("head_dim", "15", "even")]
    [InlineData("rms_norm_eps", "-1", "rms_norm_eps")]
    [InlineData("vocab_size", "1e99", "vocab_size")]
    [InlineData("eos_token_id", "[1,128]", "eos_token_id")]
    [InlineData("rope_theta", "0", "rope_theta")]
    [InlineData("tie_word_embeddings", "1", "tie_word_embeddings is not true or false")]
    [InlineData("architectures", "[]", "architectures")]
    public void Parse_WrongValue_NamesTheKey(string key, string value, string message)
    {
        var error = Assert.Throws<ModelFormatException>(() => Parse("LlamaForCausalLM", (key, JsonNode.Parse(value))));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_UnknownArchitecture_ListsTheSupportedOnes()
    {
        var error = Assert.Throws<ModelFormatException>(() => Parse("GPT2LMHeadModel"));
        Assert.Contains("'GPT2LMHeadModel'", error.Message, StringComparison.Ordinal);
        Assert.All(ModelRegistry.Architectures, name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"architectures\":[\"\\ud800\"]}")]
    [InlineData("{")]
    [InlineData("")]
    public void Parse_NotAJsonObject_IsRefused(string text) => Assert.Throws<ModelFormatException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("{\"eos_token_id\":[3,1],\"do_sample\":false,\"temperature\":0.7}", 0f, null)]
    [InlineData("{\"eos_token_id\":[3,1],\"do_sample\":true,\"temperature\":0.7,\"top_k\":20}", 0.7f, 20)]
    [InlineData("{\"eos_token_id\":[3,1]}", null, null)]
    public void GenerationConfig_Defaults_FollowDoSample(string text, float? temperature, int? topK)
    {
        var config = GenerationConfig.Parse(Encoding.UTF8.GetBytes(text), 10);
        Assert.Equal([3, 1], config.EosIds);
        Assert.Equal((temperature, topK), (config.Temperature, config.TopK));
        Assert.Equal(((float?)null, (int?)null), (config.WithoutDefaults().Temperature, config.WithoutDefaults().TopK));
        Assert.Equal([3, 1], config.WithoutDefaults().EosIds);
    }

    [Fact]
    public void GenerationConfig_OutOfRange_NamesTheKey()
    {
        var error = Assert.Throws<ModelFormatException>(() => GenerationConfig.Parse("{\"top_p\":1.5}"u8.ToArray(), 10));
        Assert.Contains("top_p", error.Message, StringComparison.Ordinal);
    }

    private static (string, JsonNode?)[] Changes(string json) => [.. JsonNode.Parse(json)!.AsObject().Select(entry => (entry.Key, entry.Value?.DeepClone()))];

    private static ModelConfig Parse(string architecture, params (string Key, JsonNode? Value)[] changes)
    {
        var config = new TinyModel(architecture).Config;
        foreach (var (key, value) in changes)
        {
            config[key] = value;
        }

        return ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJsonString()));
    }
}
