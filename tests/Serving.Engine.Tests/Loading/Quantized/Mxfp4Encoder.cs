using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>
/// MXFP4 by the OCP's "Microscaling Formats (MX) Specification": of 32 elements the shared scale is the power of two of the largest magnitude less that of E2M1's largest number, 4; elements are
/// rounded to the nearest that E2M1 has.
/// </summary>
internal sealed class Mxfp4Encoder : SchemeEncoder
{
    private const int Block = 32;

    /// <summary>What codes of positive numbers stand for: 2^(e−1) × (1 + m/2), or m/2 where e is 0.</summary>
    private static readonly double[] Ascending = [.. Enumerable.Range(0, 8).Select(code => code / 2 == 0 ? code % 2 / 2.0 : Math.Pow(2, (code / 2) - 1) * (1 + (code % 2 / 2.0)))];

    /// <inheritdoc/>
    public override JsonObject Config => JsonNode.Parse("""{"modules_to_not_convert":["model.layers.*.self_attn","model.layers.*.mlp.router","model.embed_tokens","lm_head"],"quant_method":"mxfp4"}""")!.AsObject();

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns) => EncodeParameter(module + ".weight", values, [rows], columns);

    /// <summary>Encodes matrices of experts, output by output, that are a parameter without a module.</summary>
    public float[] EncodeExperts(string parameter, float[] values, int experts, int rows, int columns) => EncodeParameter(parameter, values, [experts, rows], columns);

    private float[] EncodeParameter(string parameter, float[] values, long[] outputs, int columns)
    {
        var (blocks, scales, stands) = (new byte[values.Length / 2], new byte[values.Length / Block], new float[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            if (i % Block == 0)
            {
                var largest = values.AsSpan(i, Block).ToArray().Max(Math.Abs);
                scales[i / Block] = (byte)(127 + (largest == 0 ? 0 : Math.Floor(Math.Log2(largest)) - 2));
            }

            var scale = Math.Pow(2, scales[i / Block] - 127);
            var code = Enumerable.Range(0, 8).MinBy(code => Math.Abs((Math.Abs(values[i]) / scale) - Ascending[code]));
            stands[i] = (float)(Math.Sign(values[i]) * Ascending[code] * scale);
            blocks[i / 2] |= (byte)((values[i] < 0 ? code | 8 : code) << (i % 2 * 4));
        }

        Add(parameter + "_blocks", "U8", [.. outputs, columns / Block, Block / 2], blocks);
        Add(parameter + "_scales", "U8", [.. outputs, columns / Block], scales);
        return stands;
    }

    /// <inheritdoc/>
    public override string ToString() => "MXFP4 blocks of 32";
}
