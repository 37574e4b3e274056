using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Integers as llm-compressor writes them: eight bits as they are (int-quantized), or four or eight bits packed (pack-quantized).</summary>
/// <param name="bits">4 or 8.</param>
/// <param name="groupSize">Columns of a group; 0 for one scale a row.</param>
/// <param name="scaleType">F32, BF16 or F16.</param>
/// <param name="symmetric">Whether there are no zero points.</param>
/// <param name="packed">Whether codes are packed into words.</param>
/// <param name="ordered">Whether groups are of columns out of order (actorder).</param>
internal sealed class CompressedIntegerEncoder(int bits, int groupSize, string scaleType, bool symmetric = true, bool packed = true, bool ordered = false) : SchemeEncoder
{
    /// <inheritdoc/>
    public override JsonObject Config => JsonNode.Parse($$$$"""
        {"config_groups":{"group_0":{"input_activations":null,"output_activations":null,"targets":["Linear"],"weights":{"actorder":{{{{(ordered ? "\"group\"" : "null")}}}},"block_structure":null,
         "dynamic":false,"group_size":{{{{(groupSize == 0 ? "null" : groupSize)}}}},"num_bits":{{{{bits}}}},"observer":"minmax","observer_kwargs":{},"strategy":"{{{{(groupSize == 0 ? "channel" : "group")}}}}",
         "symmetric":{{{{(symmetric ? "true" : "false")}}}},"type":"int"}}},"format":"{{{{(packed ? "pack-quantized" : "int-quantized")}}}}","global_compression_ratio":1.9,"ignore":["lm_head"],
         "kv_cache_scheme":null,"quant_method":"compressed-tensors","quantization_status":"compressed","sparsity_config":{},"transform_config":{}}
        """)!.AsObject();

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns)
    {
        var wide = groupSize == 0 ? columns : groupSize;
        var across = columns / wide;
        var (half, groups) = (1 << (bits - 1), Groups(columns, wide));
        var (scales, zeros, codes, stands) = (new float[rows * across], new int[rows * across], new int[rows * columns], new float[rows * columns]);
        for (var i = 0; i < scales.Length; i++)
        {
            var members = Enumerable.Range(0, columns).Where(column => groups[column] == i % across).Select(column => values[(i / across * columns) + column]).ToArray();
            scales[i] = Stored(scaleType, symmetric ? members.Max(Math.Abs) / (half - 0.5f) : (members.Max() - members.Min()) / ((2 * half) - 1));
            zeros[i] = symmetric ? 0 : Math.Clamp((int)MathF.Round(-half - (members.Min() / scales[i])), -half, half - 1);
        }

        for (var i = 0; i < codes.Length; i++)
        {
            var place = (i / columns * across) + groups[i % columns];
            codes[i] = Math.Clamp((int)MathF.Round(values[i] / scales[place]) + zeros[place], -half, half - 1);
            stands[i] = (codes[i] - zeros[place]) * scales[place];
        }

        Add(module, rows, columns, across, codes, zeros);
        Add(module + ".weight_scale", scaleType, [rows, across], scales);
        if (ordered)
        {
            Add(module + ".weight_g_idx", [columns], [.. groups.Select(group => (uint)group)]);
        }

        return stands;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"compressed-tensors int{bits} {(groupSize == 0 ? "rows" : $"groups of {groupSize}")} {scaleType}{(symmetric ? "" : " asymmetric")}{(packed ? "" : " plain")}{(ordered ? " ordered" : "")}";

    /// <summary>Words of the codes along one dimension of a matrix, each raised to be unsigned, the first in the lowest bits, as the library's pack_to_int32 documents it.</summary>
    internal static uint[] Pack(int[] codes, int rows, int columns, int bits, bool alongRows)
    {
        var perWord = 32 / bits;
        var (high, wide) = alongRows ? ((rows + perWord - 1) / perWord, columns) : (rows, (columns + perWord - 1) / perWord);
        var words = new uint[high * wide];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var unsigned = (uint)(codes[(row * columns) + column] + (1 << (bits - 1)));
                var (word, place) = alongRows ? ((row / perWord * wide) + column, row % perWord) : ((row * wide) + (column / perWord), column % perWord);
                words[word] |= unsigned << (place * bits);
            }
        }

        return words;
    }

    private void Add(string module, int rows, int columns, int across, int[] codes, int[] zeros)
    {
        var perWord = 32 / bits;
        if (packed)
        {
            Add(module + ".weight_packed", [rows, (columns + perWord - 1) / perWord], Pack(codes, rows, columns, bits, alongRows: false));
            Add(module + ".weight_shape", "I64", [2], [.. BitConverter.GetBytes((long)rows), .. BitConverter.GetBytes((long)columns)]);
        }
        else
        {
            Add(module + ".weight", "I8", [rows, columns], [.. codes.Select(code => (byte)code)]);
        }

        if (!symmetric && packed)
        {
            Add(module + ".weight_zero_point", [(rows + perWord - 1) / perWord, across], Pack(zeros, rows, across, bits, alongRows: true));
        }
        else if (!symmetric)
        {
            Add(module + ".weight_zero_point", "I8", [rows, across], [.. zeros.Select(zero => (byte)zero)]);
        }
    }

    /// <summary>Groups in order, or every n-th column together, from the last group down.</summary>
    private int[] Groups(int columns, int wide) =>
        [.. Enumerable.Range(0, columns).Select(column => ordered ? (columns / wide) - 1 - (column % (columns / wide)) : column / wide)];
}
