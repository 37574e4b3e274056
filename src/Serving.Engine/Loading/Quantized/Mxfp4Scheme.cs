using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: mxfp4</c>, as gpt-oss's checkpoints have it: the experts' matrices output by output, in blocks of 32 inputs, each of 16 bytes (E2M1, the lower half of a byte first) and a scale
/// that is a power of two (E8M0). OCP, "Microscaling Formats (MX) Specification" 1.0.
/// </summary>
internal sealed class Mxfp4Scheme : WeightScheme
{
    private const int MaxModules = 1 << 16;
    private const int BlockColumns = 32;
    private const int BlockBytes = BlockColumns / 2;

    /// <inheritdoc/>
    public override string Description => "MXFP4, 4-bit floats in blocks of 32";

    /// <inheritdoc/>
    public override int Bits => 4;

    /// <summary>Reads the config. Which modules are left alone is told by their tensors; the list of them is looked at all the same.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        _ = config.Texts("modules_to_not_convert", MaxModules);
        return new Mxfp4Scheme();
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns)
    {
        if (module.Find(module.Parameter + "_blocks") is not { } blocks)
        {
            return null;
        }

        var grid = ScaleGrid.Groups(rows, columns, BlockColumns);
        long[] outputs = module.Experts > 1 ? [module.Experts, rows / module.Experts] : [rows];
        var scales = module.Get(module.Parameter + "_scales").Of(TensorType.U8, TensorType.F8_E8M0).Shaped([.. outputs, grid.Columns]);
        return new GridRows(
            $"{module.Name}.{module.Parameter}",
            columns,
            blocks.Of(TensorType.U8).Shaped([.. outputs, grid.Columns, BlockBytes]),
            ElementCodes.DoubledFloat4,
            grid,
            new StoredPowers(scales, grid, shift: -1))
        { RowBytes = grid.Columns * BlockBytes };
    }
}
