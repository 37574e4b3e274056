namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Products whose sums are cut in two halves, which end as two planes that the end of the Linear adds up. With few outputs and few rows a product has fewer tiles than the
/// device has multiprocessors; cuBLASLt would cut the sums by itself and add another kernel that joins them. Where the cut is depends on the weight alone: with it in
/// every step, whatever its rows, the bits are those of any crowd.
/// </summary>
internal static class ProductPlanes
{
    /// <summary>Planes of a product that is cut.</summary>
    public const int Most = 2;

    /// <summary>Rows of a step up to which it is worth it, where it does not have to be.</summary>
    public const int MaxRows = 64;

    /// <summary>Outputs that a block of a product has at least.</summary>
    private const int TileOutputs = 64;

    /// <summary>Halves are whole steps of a product's blocks.</summary>
    private const int HalfMultiple = 64;

    private const int MinInputs = 512;

    /// <summary>Planes of a product of so many outputs and inputs: two where half of the multiprocessors would have nothing to do.</summary>
    public static int Of(int outputs, int inputs, int multiprocessors) =>
        outputs <= TileOutputs * (multiprocessors / 2) && inputs >= MinInputs && inputs % (Most * HalfMultiple) == 0 ? Most : 1;
}
