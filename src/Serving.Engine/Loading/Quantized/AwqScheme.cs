using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: awq</c> in the layout "gemm", as AutoAWQ writes it: words of eight outputs, whose codes lie in the order 0, 2, 4, 6, 1, 3, 5, 7 from the lowest bits up, zero points likewise.
/// </summary>
internal sealed class AwqScheme : WeightScheme
{
    private const int MaxGroup = 1 << 16;

    /// <summary>By output, its place: the contrary of the order.</summary>
    private static readonly TransposedLayout Layout = new(4, PacksInputs: false, ZeroOffset: 0, [0, 4, 1, 5, 2, 6, 3, 7]);

    private readonly int _groupSize;

    private AwqScheme(int groupSize) => _groupSize = groupSize;

    /// <inheritdoc/>
    public override string Description => $"AWQ, 4-bit integers{(_groupSize > 0 ? $" in groups of {_groupSize}" : ", one scale for an output")}";

    /// <inheritdoc/>
    public override int Bits => Layout.Bits;

    /// <summary>Reads the config. The first files have other names for two of its keys.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        var bits = config.Int(config.Has("w_bit") ? "w_bit" : "bits", 1, 32, 4);
        if (bits != 4)
        {
            throw new MalformedFileException($"quantization_config.bits {bits} is not supported for AWQ (4 is)");
        }

        var version = config.Text("version", "gemm")!;
        if (!version.Equals("gemm", StringComparison.OrdinalIgnoreCase) || !config.Flag("zero_point", true))
        {
            throw new MalformedFileException($"quantization_config: AWQ in version {MalformedFileException.Quote(version)} {(config.Flag("zero_point", true) ? "" : "without zero points ")}is not supported (gemm with zero points is)");
        }

        var groupSize = config.Int(config.Has("q_group_size") ? "q_group_size" : "group_size", -1, MaxGroup, 128);
        return groupSize == 0 ? throw config.Wrong("group_size", "a number of columns, or -1") : new AwqScheme(groupSize);
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns) =>
        module.Find("qweight") is null ? null : TransposedRows.Open(module, Layout, rows, columns, _groupSize > 0 ? _groupSize : columns);
}
