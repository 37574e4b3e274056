namespace Serving.Compute.Cuda.Memory;

/// <summary>How matrices lie in device memory: row-major, every row starting 16-byte aligned in bf16 and in fp32.</summary>
internal static class Strides
{
    private const int Granule = 8;

    /// <summary>Elements from row to row.</summary>
    public static int Of(int columns) => (columns + Granule - 1) / Granule * Granule;
}
