namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Products whose sums are cut in two halves, which end as two planes that the end of the Linear adds up. With few outputs and few rows a product has fewer tiles than the
/// device has multiprocessors; cuBLASLt would cut the sums by itself and add another kernel that joins them. Where the cut is depends on the weight alone: with it in
/// every step, whatever its rows, the bits are those of any crowd. The kernel of our own for few rows cuts finer (<see cref="Launches.OwnProduct"/>).
/// </summary>
internal static class ProductPlanes
{
    /// <summary>Planes of a product that is cut; what the ends of Linears add up.</summary>
    public const int Most = 2;

    /// <summary>SRV_MAX_PLANES: what the end that norms adds up.</summary>
    public const int MostNormed = 4;

    /// <summary>Rows of a step up to which it is worth it, where it does not have to be. SRV_PRODUCT_ROWS.</summary>
    public const int FewRows = 64;

    /// <summary>Outputs that a block of a product has at least.</summary>
    private const int TileOutputs = 64;

    /// <summary>Halves are whole steps of a product's blocks.</summary>
    private const int HalfMultiple = 64;

    private const int MinInputs = 512;

    /// <summary>Rows that a product's planes take in the largest step.</summary>
    public static int RowsOf(bool accumulates, int maxRows) =>
        Math.Max((accumulates ? Most : 1) * maxRows, (accumulates ? MostNormed : Most) * Math.Min(FewRows, maxRows));

    /// <summary>Planes of a product of so many outputs and inputs: two where half of the multiprocessors would have nothing to do.</summary>
    public static int Of(int outputs, int inputs, int multiprocessors) =>
        outputs <= TileOutputs * (multiprocessors / 2) && inputs >= MinInputs && inputs % (Most * HalfMultiple) == 0 ? Most : 1;
}
