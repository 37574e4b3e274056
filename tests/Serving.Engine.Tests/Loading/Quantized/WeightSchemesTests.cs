using System.Text;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>What a config may ask for; everything else is refused by its name.</summary>
public class WeightSchemesTests
{
    private const string Group = "\"config_groups\":{\"g\":{\"targets\":[\"Linear\"],\"weights\":";

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"quantization_config\":null}")]
    [InlineData("{\"quantization_config\":{}}")]
    public void Read_WithoutAScheme_IsPlain(string text) => Assert.Null(Read(text));

    [Fact]
    public void Read_InsideTheDecodersPart_IsFound() =>
        Assert.Equal("FP8 in blocks of 128 × 64", Read("""{"text_config":{"quantization_config":{"quant_method":"fp8","weight_block_size":[128,64]}}}""")!.Description);

    [Theory]
    [InlineData("{\"quant_method\":\"aqlm\"}", "aqlm")]
    [InlineData("{\"quant_method\":\"mxfp8\"}", "mxfp8")]
    [InlineData("{\"bits\":4,\"group_size\":64}", "MLX")]
    [InlineData("{\"bits\":4}", "quant_method is missing")]
    [InlineData("{\"quant_method\":\"fp8\",\"fmt\":\"e5m2\"}", "e5m2")]
    [InlineData("{\"quant_method\":\"fp8\",\"weight_block_size\":[128]}", "weight_block_size")]
    [InlineData("{\"quant_method\":\"fp8\",\"weight_block_size\":[0,128]}", "weight_block_size")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"}", "config_groups")]
    [InlineData("{\"quant_method\":\"compressed-tensors\",\"format\":\"marlin-24\"}", "marlin-24")]
    [InlineData("{\"quant_method\":\"compressed-tensors\",\"format\":\"nvfp4-pack-quantized\"}", "nvfp4-pack-quantized")]
    [InlineData("{\"quant_method\":\"compressed-tensors\",\"sparsity_config\":{\"format\":\"sparse-24-bitmask\"}}", "sparse-24-bitmask")]
    [InlineData("{\"quant_method\":\"compressed-tensors\",\"transform_config\":{\"config_groups\":{\"R1\":{}}}}", "transform_config")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"," + Group + "{\"type\":\"int\",\"num_bits\":3}}}}", "3 bits")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"," + Group + "{\"type\":\"float\",\"num_bits\":4}}}}", "4 bits")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"," + Group + "{\"num_bits\":4,\"strategy\":\"tensor_group\",\"group_size\":16}}}}", "tensor_group")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"," + Group + "{\"num_bits\":4,\"strategy\":\"group\"}}}}", "group_size")]
    [InlineData("{\"quant_method\":\"compressed-tensors\"," + Group + "{\"num_bits\":8,\"strategy\":\"block\",\"block_structure\":\"128x\"}}}}", "block_structure")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":3}", "bits 3")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":4,\"checkpoint_format\":\"marlin\"}", "marlin")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":4,\"is_marlin_format\":true}", "is_marlin_format")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":4,\"pack_dtype\":\"int8\"}", "pack_dtype")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":4,\"rotation\":\"hadamard\"}", "rotation")]
    [InlineData("{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":0}", "group_size")]
    [InlineData("{\"quant_method\":\"awq\",\"bits\":3}", "bits 3")]
    [InlineData("{\"quant_method\":\"awq\",\"bits\":4,\"version\":\"gemv_fast\"}", "gemv_fast")]
    [InlineData("{\"quant_method\":\"awq\",\"bits\":4,\"zero_point\":false}", "without zero points")]
    [InlineData("{\"quant_method\":\"bitsandbytes\"}", "load_in_4bit")]
    [InlineData("{\"quant_method\":\"bitsandbytes\",\"load_in_4bit\":true,\"bnb_4bit_quant_type\":\"int4\"}", "int4")]
    public void Read_WhatIsNotDone_IsRefusedByName(string config, string named)
    {
        var error = Assert.Throws<ModelFormatException>(() => Read("{\"quantization_config\":" + config + "}"));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    private static WeightScheme? Read(string text) => WeightSchemes.Read(Encoding.UTF8.GetBytes(text));
}
