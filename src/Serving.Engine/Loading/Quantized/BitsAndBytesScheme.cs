using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: bitsandbytes</c>. Four bits (NF4 or FP4): <c>weight</c> with what stands behind its name, <c>absmax</c>, <c>quant_map</c>, their nested ones and a JSON text about
/// them; eight bits (LLM.int8()): <c>weight</c> and a scale for each row, <c>SCB</c>, w = code × SCB ÷ 127.
/// </summary>
internal sealed class BitsAndBytesScheme : WeightScheme
{
    private const float LargestCode = 127;

    private static readonly string[] Kinds = ["nf4", "fp4"];

    private readonly bool _isFourBits;
    private readonly string _kind;

    private BitsAndBytesScheme(bool isFourBits, string kind) => (_isFourBits, _kind) = (isFourBits, kind);

    /// <inheritdoc/>
    public override string Description => _isFourBits ? $"bitsandbytes, {_kind.ToUpperInvariant()}" : "bitsandbytes, 8-bit integers, one scale for an output";

    /// <inheritdoc/>
    public override int Bits => _isFourBits ? 4 : 8;

    /// <summary>Reads the config.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        var (four, eight) = (config.Flag("load_in_4bit", config.Flag("_load_in_4bit", false)), config.Flag("load_in_8bit", config.Flag("_load_in_8bit", false)));
        if (four == eight)
        {
            throw new MalformedFileException("quantization_config has to say load_in_4bit or load_in_8bit");
        }

        var kind = config.Text("bnb_4bit_quant_type", "fp4")!;
        return !four || Kinds.Contains(kind)
            ? new BitsAndBytesScheme(four, kind)
            : throw new MalformedFileException($"quantization_config.bnb_4bit_quant_type {MalformedFileException.Quote(kind)} is not supported (nf4 and fp4 are)");
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns)
    {
        if (!_isFourBits)
        {
            return module.Find("SCB") is { } scales ? OpenRows(module, scales, rows, columns) : null;
        }

        foreach (var kind in Kinds)
        {
            if (module.Find($"weight.quant_state.bitsandbytes__{kind}") is { } state)
            {
                return new BlockwiseRows(module, QuantState.Read(state, kind, rows, columns), rows, columns);
            }
        }

        return null;
    }

    private static GridRows OpenRows(ModuleTensors module, StoredTensor scales, int rows, int columns)
    {
        if (module.Find("weight_format") is { } format && !IsRowMajor(format))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(format.Name)} does not say 0: only row-major weights can be read");
        }

        var grid = ScaleGrid.ByRow(rows, columns);
        return new GridRows(
            module.Name, columns, module.Get("weight").Of(TensorType.I8).Shaped(rows, columns), ElementCodes.Signed8, grid,
            new StoredValues(grid.Check(scales.Of(TensorType.F32)), grid, 1 / LargestCode))
        { RowBytes = columns };
    }

    private static bool IsRowMajor(StoredTensor format)
    {
        Span<byte> value = stackalloc byte[1];
        if (format.Type != TensorType.U8 || format.Entry.Length != 1)
        {
            return false;
        }

        format.Read(0, value);
        return value[0] == 0;
    }
}
