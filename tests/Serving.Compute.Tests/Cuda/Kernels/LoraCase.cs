namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A Linear with adapters, and the rows of a step.</summary>
/// <param name="InputWidth">Columns of A.</param>
/// <param name="Slices">First column and width of each slice's output.</param>
/// <param name="Ranks">Rank of each adapter's slices; 0 leaves a slice alone.</param>
/// <param name="Segments">Adapter (−1: none) and rows of each segment.</param>
/// <param name="PageBytes">Bytes of a page.</param>
internal sealed record LoraCase(int InputWidth, (int Offset, int Width)[] Slices, int[][] Ranks, (int Slot, int Rows)[] Segments, int PageBytes = 8192)
{
    /// <summary>Ranks 1 to 128 mixed, odd widths and offsets, runs longer than a page, pages of three cells, one row, 300 rows, rows without an adapter, segments without rows.</summary>
    public static IReadOnlyDictionary<string, LoraCase> All { get; } = new Dictionary<string, LoraCase>
    {
        ["one row"] = new(256, [(0, 64)], [[16]], [(0, 1)]),
        ["decode"] = new(
            256,
            [(0, 256), (256, 64), (320, 64)],
            [[1, 128, 3], [8, 0, 9], [16, 16, 16], [64, 24, 0], [128, 1, 40]],
            [(0, 1), (-1, 2), (3, 1), (2, 1), (4, 3), (1, 1), (0, 1), (-1, 1)]),
        ["odd"] = new(100, [(0, 108), (108, 36), (144, 36)], [[5, 12, 1], [17, 8, 33]], [(1, 9), (0, 1), (-1, 4), (1, 3)]),
        ["long rows"] = new(2100, [(0, 70)], [[20], [8]], [(0, 2), (1, 1)]),
        ["long columns"] = new(40, [(0, 1300), (1300, 640)], [[9, 16]], [(-1, 1), (0, 3)]),
        ["prefill"] = new(192, [(0, 128), (128, 128)], [[16, 64], [3, 3]], [(0, 300), (1, 70), (-1, 130)]),
        ["twenty rows"] = new(64, [(0, 64)], [[9]], [(0, 20)]),
        ["odd pages"] = new(64, [(0, 150)], [[20], [9]], [(0, 3), (1, 1)], PageBytes: 3072),
        ["empty segments"] = new(64, [(0, 64)], [[4], [0]], [(0, 0), (1, 2), (-1, 0), (0, 1)]),
        ["no adapter"] = new(64, [(0, 64)], [[4]], [(-1, 3)]),
    };

    /// <summary>Columns of the Linear.</summary>
    public int Columns => Slices.Max(slice => slice.Offset + slice.Width);

    /// <summary>Rows of the step.</summary>
    public int RowCount => Segments.Sum(segment => segment.Rows);

    /// <summary>The slot of every row.</summary>
    public int[] RowSlots => [.. Segments.SelectMany(segment => Enumerable.Repeat(segment.Slot, segment.Rows))];
}
