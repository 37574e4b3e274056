namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>All cases: every function of native/cuda/ptx.cuh by its definition.</summary>
internal static class PtxTable
{
    /// <summary>The kernels' PTX beside the assembly.</summary>
    public const string FileName = "serving_ptx_table.ptx";

    /// <summary>That of the cases for compute capability 9.0.</summary>
    public const string HopperFileName = "serving_ptx_table_hopper.ptx";

    /// <summary>Every case, in the order of ptx.cuh.</summary>
    public static IReadOnlyList<PtxCase> Cases { get; } =
    [
        .. PlaceCases.All(), .. MeetingCases.All(), .. WarpCases.All(), .. ArithmeticCases.All(), .. ApproximationCases.All(), .. BFloat16Cases.All(),
        .. MemoryCases.All(), .. CopyCases.All(), .. TileCases.All(), .. WarpgroupCases.All(),
    ];

    /// <summary>Words that look like nothing in particular, always the same.</summary>
    public static uint[] Noise(int count, uint seed)
    {
        var words = new uint[count];
        for (var i = 0; i < count; i++)
        {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            words[i] = seed;
        }

        return words;
    }

    /// <summary>What each thread makes of its words.</summary>
    public static uint[] Each(uint[] input, int words, Func<ReadOnlySpan<uint>, uint> make)
    {
        var output = new uint[input.Length / words];
        for (var i = 0; i < output.Length; i++)
        {
            output[i] = make(input.AsSpan(i * words, words));
        }

        return output;
    }
}
