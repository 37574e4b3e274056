namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>
/// Products of a warpgroup by the layouts of the PTX ISA ("Register Fragments for wgmma.mma_async.m64nNk16", "Strides", "Swizzling Modes"): which thread holds which
/// element, which lines of shared memory are the second operand. Products are of small integers, so that every order of summing gives the same bits.
/// </summary>
internal static class WarpgroupCases
{
    private const int Threads = 128;
    private const int Rows = 64;
    private const int Columns = 64;
    private const int Depth = 16;

    public static IEnumerable<PtxCase> All()
    {
        foreach (var turned in new[] { false, true })
        {
            yield return Product(turned, adds: false);
            yield return Product(turned, adds: true);
        }

        var words = PtxTable.Noise(3 * Threads, 53);
        yield return new("ptx_registers", words.Length, words, words) { Hopper = true };
    }

    private static PtxCase Product(bool turned, bool adds)
    {
        var noise = PtxTable.Noise(64 * 64, 43);
        var next = 0;
        int Small() => (int)(noise[next++ % noise.Length] % 17) - 8;
        var lines = Matrix(64, 64, Small);
        var a = Matrix(Rows, Depth, Small);
        var d = Matrix(Rows, Columns, Small);

        // The second quarter: of each line, or of the lines.
        int Second(int k, int column) => turned ? lines[Depth + k, column] : lines[column, Depth + k];
        var input = new List<uint>();
        for (var i = 0; i < lines.Length; i += 2)
        {
            input.Add(Pair(lines[i / 64, i % 64], lines[i / 64, (i % 64) + 1]));
        }

        // A warp has 16 rows; in it both operands of registers are those of mma.
        for (var thread = 0; thread < Threads; thread++)
        {
            for (var i = 0; i < 4; i++)
            {
                var (row, k) = (Row(thread, i % 2), (2 * (thread % 4)) + (8 * (i / 2)));
                input.Add(Pair(a[row, k], a[row, k + 1]));
            }
        }

        var expected = new uint[Threads * 32];
        for (var i = 0; i < expected.Length; i++)
        {
            var (row, column) = (Row(i / 32, i / 2 % 2), (i % 32 / 4 * 8) + (2 * (i / 32 % 4)) + (i % 2));
            var sum = Enumerable.Range(0, Depth).Sum(k => a[row, k] * Second(k, column));
            input.Add(BitConverter.SingleToUInt32Bits(d[row, column]));
            expected[i] = BitConverter.SingleToUInt32Bits(adds ? d[row, column] + sum : sum);
        }

        return new($"ptx_wgmma_m64n64k16{(turned ? "_turned" : string.Empty)}{(adds ? "_adds" : string.Empty)}", Threads, [.. input], expected)
        {
            Hopper = true,
            SharedBytes = 64 * 128,
        };
    }

    private static int Row(int thread, int half) => (thread / 32 * 16) + (thread % 32 / 4) + (8 * half);

    private static int[,] Matrix(int rows, int columns, Func<int> next)
    {
        var matrix = new int[rows, columns];
        for (var i = 0; i < matrix.Length; i++)
        {
            matrix[i / columns, i % columns] = next();
        }

        return matrix;
    }

    private static uint Pair(int low, int high) => (BitConverter.SingleToUInt32Bits(low) >> 16) | (BitConverter.SingleToUInt32Bits(high) & 0xffff0000);
}
