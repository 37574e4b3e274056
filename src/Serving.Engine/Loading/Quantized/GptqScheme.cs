using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: gptq</c>, as AutoGPTQ and GPTQModel write it: words of inputs, the first in the lowest bits, and <c>g_idx</c> where columns were taken out of order. The first version of the
/// format keeps zero points less 1 (so that 8, the middle of four bits, is kept as 7), the second as they are. What <c>dynamic</c> says of single modules is told by their tensors.
/// </summary>
internal sealed class GptqScheme : WeightScheme
{
    private const int MaxGroup = 1 << 16;

    private readonly int _bits;
    private readonly int _groupSize;
    private readonly int _zeroOffset;
    private readonly bool _varies;

    private GptqScheme(int bits, int groupSize, int zeroOffset, bool varies) => (_bits, _groupSize, _zeroOffset, _varies) = (bits, groupSize, zeroOffset, varies);

    /// <inheritdoc/>
    public override string Description => $"GPTQ, {_bits}-bit integers{(_groupSize > 0 ? $" in groups of {_groupSize}" : ", one scale for an output")}";

    /// <inheritdoc/>
    public override int Bits => _bits;

    /// <summary>Older writers of the format give every module a bias.</summary>
    internal override bool AddsBiases => true;

    /// <summary>Reads the config.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        var bits = config.Int("bits", 1, 32);
        if (bits is not (4 or 8))
        {
            throw new MalformedFileException($"quantization_config.bits {bits} is not supported (4 and 8 are)");
        }

        var format = config.Text("checkpoint_format") ?? config.Text("format", "gptq")!;
        if (format is not ("gptq" or "gptq_v2"))
        {
            throw new MalformedFileException($"quantization_config.checkpoint_format {MalformedFileException.Quote(format)} is not supported (gptq and gptq_v2 are)");
        }

        if (config.Flag("is_marlin_format", false) || config.Text("pack_dtype", "int32") != "int32" || config.Has("adapter") || config.Has("rotation"))
        {
            throw new MalformedFileException("quantization_config: is_marlin_format, an adapter, a rotation and a pack_dtype other than int32 are not supported");
        }

        var groupSize = config.Int("group_size", -1, MaxGroup, -1);
        return groupSize == 0
            ? throw config.Wrong("group_size", "a number of columns, or -1")
            : new GptqScheme(bits, groupSize, format == "gptq" ? 1 : 0, config.Object("dynamic") is not null);
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns)
    {
        if (module.Find("qweight") is not { } words)
        {
            return null;
        }

        var bits = _varies && words.Entry.Shape is [var high, _] && high * 4 == columns ? 8 : _varies && words.Entry.Shape is [var higher, _] && higher * 8 == columns ? 4 : _bits;
        var layout = new TransposedLayout(bits, PacksInputs: true, _zeroOffset, [.. Enumerable.Range(0, 32 / bits)]);
        return TransposedRows.Open(module, layout, rows, columns, GroupSizeOf(module, columns));
    }

    private int GroupSizeOf(ModuleTensors module, int columns)
    {
        if (_varies && module.Find("scales") is { Entry.Shape: [var groups, _] } && groups > 0 && columns % groups == 0)
        {
            return (int)(columns / groups);
        }

        return _groupSize > 0 ? _groupSize : columns;
    }
}
