namespace Serving.Compute.Programs.Sharding;

/// <summary>Neighbouring columns or rows of a width that ranks share out.</summary>
/// <param name="First">The first.</param>
/// <param name="Count">How many.</param>
public readonly record struct ShardRange(int First, int Count)
{
    /// <summary>Columns that are not parted: 16 bytes in bf16, which is how kernels read rows.</summary>
    public const int Unit = 8;

    /// <summary>A rank's part of a width: equal parts of whole units, the last one what is left.</summary>
    public static ShardRange Of(int width, int rank, int ranks)
    {
        var units = (width + Unit - 1) / Unit;
        var part = (units + ranks - 1) / ranks * Unit;
        var first = Math.Min(rank * part, width);
        return new ShardRange(first, Math.Min(part, width - first));
    }

    /// <summary>A rank's part of a width that the ranks divide.</summary>
    public static ShardRange Even(int width, int rank, int ranks) => new(width / ranks * rank, width / ranks);

    /// <summary>Whether every rank gets something.</summary>
    public static bool IsEnough(int width, int ranks) => Of(width, ranks - 1, ranks).Count > 0;
}
