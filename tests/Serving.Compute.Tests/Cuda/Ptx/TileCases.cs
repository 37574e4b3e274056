namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>
/// ldmatrix and mma by the layouts of the PTX ISA ("Matrix Fragments for mma.m16n8k16", "…m16n8k8"): which lane holds which element. Products are of small
/// integers, so that every order of summing gives the same bits.
/// </summary>
internal static class TileCases
{
    private const int Lanes = 32;

    public static IEnumerable<PtxCase> All()
    {
        foreach (var matrices in new[] { 1, 2, 4 })
        {
            yield return Load(matrices, transposed: false);
            yield return Load(matrices, transposed: true);
        }

        yield return Product("ptx_mma_m16n8k16", 16);
        yield return Product("ptx_mma_m16n8k8", 8);
    }

    // Row r of matrix i is the words that lane 8 i + r brings.
    private static PtxCase Load(int matrices, bool transposed)
    {
        var rows = PtxTable.Noise(4 * Lanes, 37);
        uint Element(int matrix, int row, int column) => (rows[(((8 * matrix) + row) * 4) + (column / 2)] >> (16 * (column % 2))) & 0xffff;

        var expected = new uint[matrices * Lanes];
        for (var lane = 0; lane < Lanes; lane++)
        {
            var (group, inGroup) = (lane / 4, lane % 4);
            for (var i = 0; i < matrices; i++)
            {
                expected[(lane * matrices) + i] = transposed
                    ? Element(i, 2 * inGroup, group) | (Element(i, (2 * inGroup) + 1, group) << 16)
                    : Element(i, group, 2 * inGroup) | (Element(i, group, (2 * inGroup) + 1) << 16);
            }
        }

        return new($"ptx_ldmatrix_x{matrices}{(transposed ? "_trans" : string.Empty)}", Lanes, rows, expected) { SharedBytes = 16 * Lanes };
    }

    private static PtxCase Product(string kernel, int depth)
    {
        var noise = PtxTable.Noise(16 * 32, 41);
        var next = 0;
        int Small() => (int)(noise[next++ % noise.Length] % 17) - 8;
        var a = Matrix(16, depth, Small);
        var b = Matrix(depth, 8, Small);
        var c = Matrix(16, 8, Small);
        var input = new List<uint>();
        var expected = new uint[4 * Lanes];
        for (var lane = 0; lane < Lanes; lane++)
        {
            var (group, inGroup) = (lane / 4, lane % 4);

            // Registers of A go down eight rows, then right eight columns; those of B down eight rows.
            for (var i = 0; i < depth / 4; i++)
            {
                var (row, column) = (group + (8 * (i % 2)), (2 * inGroup) + (8 * (i / 2)));
                input.Add(Pair(a[row, column], a[row, column + 1]));
            }

            for (var i = 0; i < depth / 8; i++)
            {
                input.Add(Pair(b[(2 * inGroup) + (8 * i), group], b[(2 * inGroup) + (8 * i) + 1, group]));
            }

            for (var i = 0; i < 4; i++)
            {
                var (row, column) = (group + (8 * (i / 2)), (2 * inGroup) + (i % 2));
                input.Add(BitConverter.SingleToUInt32Bits(c[row, column]));
                expected[(4 * lane) + i] = BitConverter.SingleToUInt32Bits(c[row, column] + Enumerable.Range(0, depth).Sum(k => a[row, k] * b[k, column]));
            }
        }

        return new(kernel, Lanes, [.. input], expected);
    }

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
