using System.Globalization;
using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>How compressed-tensors keeps the weights of some modules: an entry of its <c>config_groups</c>.</summary>
/// <param name="IsFloat">FP8 (E4M3) instead of integers.</param>
/// <param name="Bits">4 or 8.</param>
/// <param name="IsSymmetric">Whether there are no zero points.</param>
/// <param name="Strategy">tensor, channel, group or block.</param>
/// <param name="GroupSize">Columns of a group.</param>
/// <param name="Block">Rows and columns of a block.</param>
internal sealed record CompressedGroup(bool IsFloat, int Bits, bool IsSymmetric, string Strategy, int GroupSize, (int Rows, int Columns) Block)
{
    private const int MaxGroup = 1 << 16;

    private static readonly string[] Formats = ["dense", "int-quantized", "float-quantized", "naive-quantized", "pack-quantized", "mixed-precision"];

    /// <summary>For people.</summary>
    public string Description => (IsFloat ? "FP8" : $"{Bits}-bit integers") + Strategy switch
    {
        "tensor" => ", one scale for a matrix",
        "channel" => ", one scale for an output",
        "group" => $" in groups of {GroupSize}",
        _ => $" in blocks of {Block.Rows} × {Block.Columns}",
    };

    /// <summary>Reads an entry; null where it has no weights that are quantized.</summary>
    public static CompressedGroup? Read(JsonFields group)
    {
        CheckFormat(group);
        if (group.Object("weights") is not { } weights)
        {
            return null;
        }

        var type = weights.Text("type", "int")!.ToLowerInvariant();
        var bits = weights.Int("num_bits", 1, 32, 8);
        if ((type, bits) is not (("int", 4) or ("int", 8) or ("float", 8)))
        {
            throw new MalformedFileException($"weights of type {MalformedFileException.Quote(type)} with {bits} bits are not supported (int of 4 or 8 bits and float of 8 are)");
        }

        var groupSize = weights.Int("group_size", -1, MaxGroup, 0);
        var strategy = weights.Text("strategy")?.ToLowerInvariant() ?? (groupSize == 0 ? "tensor" : groupSize > 0 ? "group" : "channel");
        if (strategy is not ("tensor" or "channel" or "group" or "block"))
        {
            throw new MalformedFileException($"weights with the strategy {MalformedFileException.Quote(strategy)} are not supported (tensor, channel, group and block are)");
        }

        return strategy == "group" && groupSize < 1
            ? throw weights.Wrong("group_size", "a number of columns")
            : new CompressedGroup(type == "float", bits, weights.Flag("symmetric", true), strategy, groupSize, strategy == "block" ? ReadBlock(weights) : (0, 0));
    }

    /// <summary>Refuses a format of a checkpoint, or of a group of its modules, that is not done.</summary>
    public static void CheckFormat(JsonFields fields)
    {
        if (fields.Text("format") is { } format && !Formats.Contains(format))
        {
            throw new MalformedFileException($"the format {MalformedFileException.Quote(format)} of compressed-tensors is not supported ({string.Join(", ", Formats)} are)");
        }
    }

    /// <summary>Where the scales of a matrix lie.</summary>
    public ScaleGrid Grid(int rows, int columns) => Strategy switch
    {
        "tensor" => ScaleGrid.Whole(rows, columns),
        "channel" => ScaleGrid.ByRow(rows, columns),
        "group" => ScaleGrid.Groups(rows, columns, GroupSize),
        _ => ScaleGrid.Blocks(rows, columns, Block.Rows, Block.Columns),
    };

    /// <summary>[rows, columns], or as older files have it "rows x columns".</summary>
    private static (int Rows, int Columns) ReadBlock(JsonFields weights)
    {
        if (!weights.TryGet("block_structure", out var value) || value.ValueKind != JsonValueKind.String)
        {
            var block = weights.Ints("block_structure", 1, MaxGroup, 2);
            return block.Count == 2 ? (block[0], block[1]) : throw weights.Wrong("block_structure", "two numbers, rows and columns of a block");
        }

        var parts = value.GetString()!.Split('x');
        return parts.Length == 2 && TryRead(parts[0], out var rows) && TryRead(parts[1], out var columns)
            ? (rows, columns)
            : throw weights.Wrong("block_structure", "two numbers, rows and columns of a block");
    }

    private static bool TryRead(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= MaxGroup;
}
