using System.Text;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Gemma's files as they are published, and what they leave out.</summary>
public class GemmaConfigTests
{
    /// <summary>Gemma 2 2B's.</summary>
    private const string Gemma2 = """
        {"architectures":["Gemma2ForCausalLM"],"attention_bias":false,"attn_logit_softcapping":50.0,"bos_token_id":2,"cache_implementation":"hybrid","eos_token_id":1,
        "final_logit_softcapping":30.0,"head_dim":256,"hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu_pytorch_tanh","hidden_size":2304,"intermediate_size":9216,
        "max_position_embeddings":8192,"model_type":"gemma2","num_attention_heads":8,"num_hidden_layers":26,"num_key_value_heads":4,"query_pre_attn_scalar":256,
        "rms_norm_eps":1e-06,"rope_theta":10000.0,"sliding_window":4096,"vocab_size":256000}
        """;

    /// <summary>Gemma 3 1B's.</summary>
    private const string Gemma3 = """
        {"architectures":["Gemma3ForCausalLM"],"attention_bias":false,"attn_logit_softcapping":null,"bos_token_id":2,"cache_implementation":"hybrid","eos_token_id":[1,106],
        "final_logit_softcapping":null,"head_dim":256,"hidden_activation":"gelu_pytorch_tanh","hidden_size":1152,"intermediate_size":6912,"max_position_embeddings":32768,
        "model_type":"gemma3_text","num_attention_heads":4,"num_hidden_layers":26,"num_key_value_heads":1,"query_pre_attn_scalar":256,"rms_norm_eps":1e-06,
        "rope_local_base_freq":10000,"rope_scaling":null,"rope_theta":1000000,"sliding_window":512,"sliding_window_pattern":6,"vocab_size":262144}
        """;

    /// <summary>Gemma 3 4B's, which sees images and leaves most to the defaults.</summary>
    private const string Gemma3Whole = """
        {"architectures":["Gemma3ForConditionalGeneration"],"boi_token_index":255999,"eoi_token_index":256000,"eos_token_id":[1,106],"image_token_index":262144,
        "mm_tokens_per_image":256,"model_type":"gemma3","text_config":{"hidden_size":2560,"intermediate_size":10240,"model_type":"gemma3_text","num_hidden_layers":34,
        "rope_scaling":{"factor":8.0,"rope_type":"linear"},"sliding_window":1024},"vision_config":{"hidden_size":1152,"image_size":896,"model_type":"siglip_vision_model"}}
        """;

    [Fact]
    public void Parse_Gemma2_HasBoundsAndAWindowOnEverySecondLayer()
    {
        var config = Parse(Gemma2);
        Assert.Equal(new ModelShape(2304, 9216, 26, 8, 4, 256, 256_000), config.Shape);
        Assert.Equal((50f, 30f, 0.0625f, 48f, 1f), (config.ScoreCap, config.LogitCap, config.AttentionScale, config.EmbeddingScale, config.NormOffset));
        Assert.Equal((true, true, GateActivation.GeluTanh), (config.TiedEmbeddings, config.Norms.AreBehind, config.Activation));
        Assert.Equal([4096, 0, 4096, 0], config.Windows.Take(4));
        Assert.Equal((8192, null, false), (config.MaxPositions, config.LocalRope, config.QueryKeyNorm));
    }

    [Fact]
    public void Parse_Gemma3_HasTwoRotaryTablesAndFiveWindowsToOneWithout()
    {
        var config = Parse(Gemma3);
        Assert.Equal([512, 512, 512, 512, 512, 0, 512], config.Windows.Take(7));
        Assert.Equal((new RopeConfig(1_000_000, new DefaultRope()), new RopeConfig(10_000, new DefaultRope())), (config.Rope, config.LocalRope));
        Assert.Equal((0f, 0f, true, 32768), (config.ScoreCap, config.LogitCap, config.QueryKeyNorm, config.MaxPositions));
        Assert.Equal([1, 106], config.EosIds);

        // √1152 = 33.94 is 34 in bf16.
        Assert.Equal(34f, config.EmbeddingScale);
    }

    [Fact]
    public void Parse_Gemma3ThatSeesImages_IsItsDecoder()
    {
        var config = Parse(Gemma3Whole);
        Assert.Equal(new ModelShape(2560, 10240, 34, 8, 4, 256, 262_208), config.Shape);
        Assert.Equal((new RopeConfig(1_000_000, new LinearRope(8)), new RopeConfig(10_000, new DefaultRope())), (config.Rope, config.LocalRope));
        Assert.Equal(("Gemma3ForConditionalGeneration", "language_model.", 131_072), (config.Architecture, config.TensorPrefix, config.MaxPositions));
        Assert.Equal([1, 106], config.EosIds);
        Assert.Equal(5, config.Windows.Count(window => window == 0));
    }

    [Fact]
    public void Parse_RotaryPartsByKindOfLayer_AreRead()
    {
        const string Parts = "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":2000000.0},"
            + "\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":3000.0}},";
        var config = Parse(Gemma3.Replace("\"rope_scaling\":null,\"rope_theta\":1000000,", Parts, StringComparison.Ordinal));
        Assert.Equal((new RopeConfig(2_000_000, new LinearRope(4)), new RopeConfig(3_000, new DefaultRope())), (config.Rope, config.LocalRope));
    }

    [Theory]
    [InlineData("\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"],\"num_hidden_layers\":3", 0, 4096, 0)]
    [InlineData("\"num_hidden_layers\":3,\"_sliding_window_pattern\":3", 4096, 4096, 0)]
    public void Parse_KindsOfLayers_AreWhatTheFileSays(string layers, params int[] windows)
    {
        Assert.Equal(windows, Parse(Gemma2.Replace("\"num_hidden_layers\":26", layers, StringComparison.Ordinal)).Windows);
    }

    [Fact]
    public void Parse_NullWindow_MeansNone() => Assert.Empty(Parse(Gemma2.Replace("\"sliding_window\":4096", "\"sliding_window\":null", StringComparison.Ordinal)).Windows);

    [Theory]
    [InlineData("\"attn_logit_softcapping\":50.0", "\"attn_logit_softcapping\":-1", "attn_logit_softcapping")]
    [InlineData("\"sliding_window\":4096", "\"sliding_window\":0", "sliding_window")]
    [InlineData("\"attention_bias\":false", "\"layer_types\":[\"full_attention\"]", "layer_types")]
    [InlineData("\"attention_bias\":false", "\"use_bidirectional_attention\":true", "use_bidirectional_attention")]
    [InlineData("\"hidden_activation\":\"gelu_pytorch_tanh\"", "\"hidden_activation\":\"gelu\"", "hidden_activation")]
    [InlineData("\"query_pre_attn_scalar\":256", "\"query_pre_attn_scalar\":0", "query_pre_attn_scalar")]
    [InlineData("\"attention_bias\":false", "\"rope_local_base_freq\":500", "rope_local_base_freq")]
    public void Parse_WhatIsNotGemmas_IsRefusedByName(string from, string becomes, string key)
    {
        var error = Assert.Throws<ModelFormatException>(() => Parse(Gemma2.Replace(from, becomes, StringComparison.Ordinal)));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WholeModelWithoutADecoder_IsRefused() =>
        Assert.Throws<ModelFormatException>(() => Parse(Gemma3Whole.Replace("text_config", "other_config", StringComparison.Ordinal)));

    private static ModelConfig Parse(string text) => ModelConfig.Parse(Encoding.UTF8.GetBytes(text));
}
