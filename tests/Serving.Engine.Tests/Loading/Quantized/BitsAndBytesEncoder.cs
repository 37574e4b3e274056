using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>bitsandbytes' four bits, with or without double quantization, and its eight bits.</summary>
/// <param name="kind">nf4, fp4 or int8.</param>
/// <param name="nested">Whether absolute maxima are quantized too.</param>
/// <param name="blockSize">Elements of a block.</param>
internal sealed class BitsAndBytesEncoder(string kind, bool nested = false, int blockSize = 64) : SchemeEncoder
{
    private const int NestedBlockSize = 256;

    /// <summary>NF4's sixteen values as QLoRA (arXiv 2305.14314, appendix E) lists them.</summary>
    public static readonly float[] NormalFloat =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    /// <summary>FP4's: a sign, and 0, 0.0625, 8, 12, 4, 6, 2, 3 twelfths.</summary>
    public static readonly float[] Float4 = [.. new[] { 0, 0.0625f, 8, 12, 4, 6, 2, 3 }.Select(twelfths => twelfths / 12), .. new[] { 0, 0.0625f, 8, 12, 4, 6, 2, 3 }.Select(twelfths => -twelfths / 12)];

    /// <summary>A table of 256 steps for maxima; the library's is not even, which readers need not know.</summary>
    private static readonly float[] NestedMap = [.. Enumerable.Range(0, 256).Select(i => (i - 128) / 128f)];

    /// <inheritdoc/>
    public override JsonObject Config => JsonNode.Parse(kind == "int8"
        ? """{"load_in_4bit":false,"load_in_8bit":true,"llm_int8_threshold":6.0,"llm_int8_skip_modules":["lm_head"],"quant_method":"bitsandbytes"}"""
        : $$"""
          {"_load_in_4bit":true,"_load_in_8bit":false,"bnb_4bit_compute_dtype":"bfloat16","bnb_4bit_quant_storage":"uint8","bnb_4bit_quant_type":"{{kind}}",
           "bnb_4bit_use_double_quant":{{(nested ? "true" : "false")}},"llm_int8_skip_modules":null,"load_in_4bit":true,"load_in_8bit":false,"quant_method":"bitsandbytes"}
          """)!.AsObject();

    /// <inheritdoc/>
    public override float[] Encode(string module, float[] values, int rows, int columns) =>
        kind == "int8" ? EncodeRows(module, values, rows, columns) : EncodeBlocks(module + ".weight", values, rows, columns);

    /// <inheritdoc/>
    public override string ToString() => $"bitsandbytes {kind} {(nested ? "nested" : "plain")} {blockSize}";

    private float[] EncodeRows(string module, float[] values, int rows, int columns)
    {
        var (maxima, codes, stands) = (new float[rows], new byte[values.Length], new float[values.Length]);
        for (var row = 0; row < rows; row++)
        {
            maxima[row] = Largest(values, columns, row, 1, 0, columns);
            var scale = maxima[row] * (1 / 127f);
            for (var i = row * columns; i < (row + 1) * columns; i++)
            {
                var code = (int)MathF.Round(values[i] * (127 / maxima[row]));
                (codes[i], stands[i]) = ((byte)code, code * scale);
            }
        }

        Add(module + ".weight", "I8", [rows, columns], codes);
        Add(module + ".SCB", "F32", [rows], maxima);
        Add(module + ".weight_format", "U8", [], [(byte)0]);
        return stands;
    }

    private float[] EncodeBlocks(string name, float[] values, int rows, int columns)
    {
        var map = kind == "nf4" ? NormalFloat : Float4;
        var blocks = (values.Length + blockSize - 1) / blockSize;
        float[] maxima = [.. Enumerable.Range(0, blocks).Select(block => values.Skip(block * blockSize).Take(blockSize).Max(Math.Abs))];
        if (nested)
        {
            maxima = Nest(name, maxima);
        }
        else
        {
            Add(name + ".absmax", "F32", [blocks], maxima);
        }

        var (packed, stands) = (new byte[(values.Length + 1) / 2], new float[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            var maximum = maxima[i / blockSize];
            var code = Enumerable.Range(0, 16).MinBy(c => Math.Abs((map[c] * maximum) - values[i]));
            stands[i] = map[code] * maximum;
            packed[i / 2] |= (byte)(i % 2 == 0 ? code << 4 : code);
        }

        Add(name, "U8", [packed.Length, 1], packed);
        Add(name + ".quant_map", "F32", [16], map);
        Add(name + $".quant_state.bitsandbytes__{kind}", rows, columns);
        return stands;
    }

    private void Add(string name, int rows, int columns)
    {
        var state = new JsonObject { ["quant_type"] = kind, ["blocksize"] = blockSize, ["dtype"] = "bfloat16", ["shape"] = new JsonArray(rows, columns) };
        if (nested)
        {
            state["nested_blocksize"] = NestedBlockSize;
            state["nested_dtype"] = "float32";
            state["nested_offset"] = Offset;
        }

        var text = Encoding.UTF8.GetBytes(state.ToJsonString());
        Add(name, "U8", [text.Length], text);
    }

    private const float Offset = 0.05f;

    private float[] Nest(string name, float[] maxima)
    {
        var outer = (maxima.Length + NestedBlockSize - 1) / NestedBlockSize;
        float[] nestedMaxima = [.. Enumerable.Range(0, outer).Select(block => maxima.Skip(block * NestedBlockSize).Take(NestedBlockSize).Max(maximum => Math.Abs(maximum - Offset)))];
        var (codes, stands) = (new byte[maxima.Length], new float[maxima.Length]);
        for (var i = 0; i < maxima.Length; i++)
        {
            var scale = nestedMaxima[i / NestedBlockSize];
            var code = Enumerable.Range(0, 256).MinBy(c => Math.Abs((NestedMap[c] * scale) + Offset - maxima[i]));
            codes[i] = (byte)code;
            var product = NestedMap[code] * scale;
            stands[i] = product + Offset;
        }

        Add(name + ".absmax", "U8", [codes.Length], codes);
        Add(name + ".nested_absmax", "F32", [outer], nestedMaxima);
        Add(name + ".nested_quant_map", "F32", [256], NestedMap);
        return stands;
    }
}
