using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>FP8 in the layouts of Qwen's (blocks), AutoFP8's and Ministral's (one scale), FBGEMM's (one a row) and llm-compressor's checkpoints (one scale, one a row, blocks).</summary>
/// <param name="style">qwen, autofp8, ministral, fbgemm, tensor, channel or block.</param>
/// <param name="scaleType">F32, BF16 or F16.</param>
internal sealed class Float8Encoder(string style, string scaleType) : SchemeEncoder
{
    private const int BlockRows = 48;
    private const int BlockColumns = 40;
    private const float LargestCode = 448;

    /// <summary>What the codes that are not negative stand for; it grows with the code.</summary>
    private static readonly double[] Ascending = [.. Enumerable.Range(0, 0x7F).Select(code => ValueOf((byte)code))];

    private bool IsCompressed => style is "tensor" or "channel" or "block";

    /// <inheritdoc/>
    public override JsonObject Config => style switch
    {
        "qwen" => Parse("""{"activation_scheme":"dynamic","fmt":"e4m3","quant_method":"fp8","weight_block_size":[48,40]}"""),
        "autofp8" => Parse("""{"activation_scheme":"static","ignored_layers":["lm_head"],"quant_method":"fp8"}"""),
        "ministral" => Parse("""{"activation_scheme":"static","dequantize":false,"modules_to_not_convert":["model.vision_tower","lm_head"],"quant_method":"fp8","weight_block_size":null}"""),
        "fbgemm" => Parse("""{"activation_scale_ub":1200.0,"modules_to_not_convert":["lm_head"],"quant_method":"fbgemm_fp8"}"""),
        _ => Parse($$$$"""
            {"config_groups":{"group_0":{"input_activations":{"dynamic":true,"num_bits":8,"strategy":"token","symmetric":true,"type":"float"},"output_activations":null,"targets":["Linear"],
             "weights":{"actorder":null,"block_structure":{{{{(style == "block" ? "[48,40]" : "null")}}}},"dynamic":false,"group_size":null,"num_bits":8,"observer":"minmax","observer_kwargs":{},
             "strategy":"{{{{style}}}}","symmetric":true,"type":"float"}}},"format":"float-quantized","global_compression_ratio":1.5,"ignore":["lm_head"],"kv_cache_scheme":null,
             "quant_method":"compressed-tensors","quantization_status":"compressed","sparsity_config":{"format":"dense"}}
            """),
    };

    /// <summary>What a code stands for, from the format's definition: (−1)^s × 2^(e−7) × (1 + m/8), or (−1)^s × 2^−6 × m/8 where e is 0.</summary>
    public static double ValueOf(byte code)
    {
        var (sign, exponent, mantissa) = (code >= 128 ? -1.0 : 1.0, code / 8 % 16, code % 8);
        return exponent == 0 ? sign * Math.Pow(2, -6) * mantissa / 8 : sign * Math.Pow(2, exponent - 7) * (1 + (mantissa / 8.0));
    }

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns)
    {
        var (high, wide) = style switch { "qwen" or "block" => (BlockRows, BlockColumns), "channel" or "fbgemm" => (1, columns), _ => (rows, columns) };
        var (down, across) = ((rows + high - 1) / high, (columns + wide - 1) / wide);
        var (scales, codes, stands) = (new float[down * across], new byte[rows * columns], new float[rows * columns]);
        for (var i = 0; i < scales.Length; i++)
        {
            scales[i] = Stored(scaleType, Largest(values, columns, i / across * high, high, i % across * wide, wide) / LargestCode);
        }

        for (var i = 0; i < codes.Length; i++)
        {
            var scale = scales[(i / columns / high * across) + (i % columns / wide)];
            codes[i] = Nearest(values[i] / scale);
            stands[i] = (float)ValueOf(codes[i]) * scale;
        }

        Add(module + ".weight", "F8_E4M3", [rows, columns], codes);
        Add(module + (style is "qwen" or "ministral" ? ".weight_scale_inv" : ".weight_scale"), scaleType, style is "autofp8" or "ministral" ? [] : style == "tensor" ? [1] : [down, across], scales);
        if (style == "autofp8")
        {
            Add(module + ".input_scale", "F32", [], 0.5f);
        }
        else if (style == "ministral")
        {
            Add(module + ".activation_scale", "BF16", [], 0.5f);
        }

        return stands;
    }

    private static byte Nearest(float value)
    {
        var place = Array.BinarySearch(Ascending, Math.Abs(value));
        var above = Math.Min(place < 0 ? ~place : place, Ascending.Length - 1);
        var code = above > 0 && Math.Abs(value) - Ascending[above - 1] < Ascending[above] - Math.Abs(value) ? above - 1 : above;
        return (byte)(value < 0 ? code | 0x80 : code);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(IsCompressed ? "compressed-tensors FP8" : "FP8")} {style} {scaleType}";

    private static JsonObject Parse(string text) => JsonNode.Parse(text)!.AsObject();
}
