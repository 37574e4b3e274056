using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>
/// Integers of eight bits in groups of 32 with powers of two for scales, of which each group has a 127: rounding what they stand for to bf16 and then to integers gives the same integers and
/// scales, as long as bf16 holds them.
/// </summary>
internal sealed class PowerOfTwoEncoder : SchemeEncoder
{
    private const int GroupSize = 32;

    /// <inheritdoc/>
    public override JsonObject Config => JsonNode.Parse("""
        {"config_groups":{"group_0":{"targets":["Linear"],"weights":{"group_size":32,"num_bits":8,"strategy":"group","symmetric":true,"type":"int"}}},"format":"int-quantized","quant_method":"compressed-tensors"}
        """)!.AsObject();

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns)
    {
        var (codes, scales, stands) = (new byte[values.Length], new float[values.Length / GroupSize], new float[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            var scale = scales[i / GroupSize] = MathF.ScaleB(1, -8 - (i / GroupSize % 3));
            var code = i % GroupSize == 0 ? 127 : Math.Clamp((int)MathF.Round(values[i] / scale), -126, 126);
            (codes[i], stands[i]) = ((byte)code, code * scale);
        }

        Add(module + ".weight", "I8", [rows, columns], codes);
        Add(module + ".weight_scale", "BF16", [rows, columns / GroupSize], scales);
        return stands;
    }
}
