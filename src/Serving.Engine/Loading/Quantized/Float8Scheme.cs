using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: fp8</c>. Weights in E4M3 with a scale for blocks (DeepSeek's and Qwen's checkpoints: <c>weight_scale_inv</c>, which is multiplied by in spite of its name), or with
/// one for the matrix or for each row (<c>weight_scale</c>, or the same name as for blocks in Ministral's; <c>quant_method: fbgemm_fp8</c> has one for each row).
/// </summary>
internal sealed class Float8Scheme : WeightScheme
{
    private const int MaxBlock = 1 << 16;
    private const string BlockScale = "weight_scale_inv";

    private readonly (int Rows, int Columns)? _block;

    private Float8Scheme((int Rows, int Columns)? block) => _block = block;

    /// <inheritdoc/>
    public override string Description => _block is { } block ? $"FP8 in blocks of {block.Rows} × {block.Columns}" : "FP8";

    /// <inheritdoc/>
    public override int Bits => 8;

    /// <summary>Reads the config.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        if (config.Text("fmt", "e4m3") is var format && format != "e4m3")
        {
            throw new MalformedFileException($"quantization_config.fmt {MalformedFileException.Quote(format)} is not supported (e4m3 is)");
        }

        var block = config.Ints("weight_block_size", 1, MaxBlock, 2);
        return block.Count switch
        {
            0 => new Float8Scheme(null),
            2 => new Float8Scheme((block[0], block[1])),
            _ => throw config.Wrong("weight_block_size", "two numbers, rows and columns of a block"),
        };
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns)
    {
        if (module.Find("weight") is not { Type: TensorType.F8_E4M3 } weight)
        {
            return null;
        }

        var grid = _block is { } block ? ScaleGrid.Blocks(rows, columns, block.Rows, block.Columns) : ScaleGrid.Whole(rows, columns);
        var scale = _block is null ? module.Find("weight_scale") ?? module.Find(BlockScale) ?? module.Get("weight_scale") : module.Get(BlockScale);
        if (_block is null && scale.Entry.Length != 1)
        {
            grid = ScaleGrid.ByRow(rows, columns);
        }

        return new GridRows(
            module.Name, columns, weight.Shaped(rows, columns), ElementCodes.Float8E4M3, grid, new StoredValues(grid.Check(scale.Of(TensorType.F32, TensorType.BF16, TensorType.F16)), grid))
        { RowBytes = columns };
    }

    /// <inheritdoc/>
    internal override bool IsUnread(string tensor) => ActivationScales.Contains(tensor);
}
