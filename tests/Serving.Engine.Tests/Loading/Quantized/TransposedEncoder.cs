using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>GPTQ (as AutoGPTQ's pack has it) and AWQ (as AutoAWQ's from_linear has it): codes and zero points unsigned, kept input by input.</summary>
/// <param name="style">gptq (the first version), gptq_v2 or awq.</param>
/// <param name="bits">4 or 8.</param>
/// <param name="groupSize">Columns of a group; −1 for all.</param>
/// <param name="symmetric">Whether every zero point is the middle.</param>
/// <param name="ordered">Whether columns were taken out of order (desc_act).</param>
internal sealed class TransposedEncoder(string style, int bits, int groupSize, bool symmetric, bool ordered = false) : SchemeEncoder
{
    /// <summary>AutoAWQ's order_map: which of eight outputs the code at each place of a word belongs to.</summary>
    private static readonly int[] AwqOrder = [0, 2, 4, 6, 1, 3, 5, 7];

    /// <inheritdoc/>
    public override JsonObject Config => JsonNode.Parse(style == "awq"
        ? $$"""{"bits":{{bits}},"group_size":{{groupSize}},"modules_to_not_convert":null,"quant_method":"awq","version":"gemm","zero_point":true}"""
        : $$"""
          {"bits":{{bits}},"group_size":{{groupSize}},"damp_percent":0.01,"desc_act":{{(ordered ? "true" : "false")}},"sym":{{(symmetric ? "true" : "false")}},"true_sequential":true,
           "quant_method":"gptq","checkpoint_format":"{{style}}","meta":{"quantizer":["gptqmodel:1.4.4"]},"static_groups":false,"lm_head":false}
          """)!.AsObject();

    private int PerWord => 32 / bits;

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns)
    {
        var wide = groupSize == -1 ? columns : groupSize;
        var across = (columns + wide - 1) / wide;
        var largest = (1 << bits) - 1;
        int[] groups = [.. Enumerable.Range(0, columns).Select(column => ordered ? across - 1 - (column % across) : column / wide)];
        var (scales, zeros, codes, stands) = (new float[across * rows], new int[across * rows], new int[columns * rows], new float[rows * columns]);
        for (var i = 0; i < scales.Length; i++)
        {
            var (group, row) = (i / rows, i % rows);
            var members = Enumerable.Range(0, columns).Where(column => groups[column] == group).Select(column => values[(row * columns) + column]).ToArray();
            scales[i] = Stored("F16", symmetric ? 2 * members.Max(Math.Abs) / largest : (members.Max() - members.Min()) / largest);

            // The first version of GPTQ cannot keep a zero point of 0.
            zeros[i] = symmetric ? (largest + 1) / 2 : Math.Clamp((int)MathF.Round(-members.Min() / scales[i]), style == "gptq" ? 1 : 0, largest);
        }

        for (var column = 0; column < columns; column++)
        {
            for (var row = 0; row < rows; row++)
            {
                var (place, value) = ((groups[column] * rows) + row, values[(row * columns) + column]);
                codes[(column * rows) + row] = Math.Clamp((int)MathF.Round(value / scales[place]) + zeros[place], 0, largest);
                stands[(row * columns) + column] = (codes[(column * rows) + row] - zeros[place]) * scales[place];
            }
        }

        AddTensors(module, rows, columns, across, codes, zeros, scales);
        if (style != "awq")
        {
            Add(module + ".g_idx", [columns], [.. groups.Select(group => (uint)group)]);
            Add(module + ".bias", "F16", [rows], new float[rows]);
        }

        return stands;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(style == "awq" ? "AWQ" : "GPTQ")} {style} int{bits} {(groupSize == -1 ? "rows" : $"groups of {groupSize}")}{(symmetric ? "" : " asymmetric")}{(ordered ? " ordered" : "")}";

    /// <summary>Words of AWQ: outputs side by side, in its order.</summary>
    internal static uint[] PackAwq(int[] codes, int height, int width)
    {
        var words = new uint[height * width / 8];
        for (var row = 0; row < height; row++)
        {
            for (var word = 0; word < width / 8; word++)
            {
                for (var place = 0; place < 8; place++)
                {
                    words[(row * width / 8) + word] |= (uint)codes[(row * width) + (word * 8) + AwqOrder[place]] << (4 * place);
                }
            }
        }

        return words;
    }

    private void AddTensors(string module, int rows, int columns, int across, int[] codes, int[] zeros, float[] scales)
    {
        if (style == "awq")
        {
            Add(module + ".qweight", [columns, rows / 8], PackAwq(codes, columns, rows));
            Add(module + ".qzeros", [across, rows / 8], PackAwq(zeros, across, rows));
        }
        else
        {
            Add(module + ".qweight", [columns / PerWord, rows], PackInputs(codes, columns, rows));
            Add(module + ".qzeros", [across, rows / PerWord], PackOutputs([.. zeros.Select(zero => style == "gptq" ? zero - 1 : zero)], across, rows));
        }

        Add(module + ".scales", "F16", [across, rows], scales);
    }

    private uint[] PackInputs(int[] codes, int height, int width)
    {
        var words = new uint[height / PerWord * width];
        for (var i = 0; i < codes.Length; i++)
        {
            words[(i / width / PerWord * width) + (i % width)] |= (uint)codes[i] << (i / width % PerWord * bits);
        }

        return words;
    }

    private uint[] PackOutputs(int[] codes, int height, int width)
    {
        var words = new uint[height * width / PerWord];
        for (var i = 0; i < codes.Length; i++)
        {
            words[i / PerWord] |= (uint)codes[i] << (i % PerWord * bits);
        }

        return words;
    }
}
