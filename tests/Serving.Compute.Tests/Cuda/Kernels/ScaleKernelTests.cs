using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The kernel that multiplies products by DoRA's factors: rows whose adapter has some, and no others.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ScaleKernelTests
{
    private const int CellsPerPage = 2;
    private const int ModelSlices = 5;
    private const int FirstSlice = 2;
    private const int Untouched = 3;

    /// <summary>Offset and width: a cell and a bit, and more cells than a page holds; a column lies between them, and one behind the last.</summary>
    private static readonly (int Offset, int Width)[] Slices = [(0, 300), (301, 520)];

    /// <summary>Whether a slot's adapter has factors, slice by slice.</summary>
    private static readonly bool[][] Adapters = [[false, false], [true, true], [false, true]];

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(9, 2, 2, 2)]
    [InlineData(5, 3, 7, 1)]
    public void Scale_AnyMix_MultipliesTheRowsOfFactors(int rows, int planes, int blocks, int blocksOfColumns)
    {
        using var session = new KernelSession();
        var columns = Slices[^1].Offset + Slices[^1].Width + 1;
        var stride = Values.Stride(columns);
        var (cells, runs, factorRuns, factors) = Pack();
        int[] slots = [.. Enumerable.Range(0, rows).Select(row => ((row + 2) % 4) - 1)];
        float[] product = [.. Enumerable.Range(0, planes).SelectMany(plane => Values.Random(rows + Untouched, columns, 2, 7 + plane))];
        var lora = new LoraParameters
        {
            Pages = session.Upload<float>(cells),
            Runs = session.Upload<int>(runs),
            CellsPerPage = CellsPerPage,
            ModelSlices = ModelSlices,
            FirstSlice = FirstSlice,
            SliceCount = Slices.Length,
        };
        for (var slice = 0; slice < Slices.Length; slice++)
        {
            (lora.OutputOffset[slice], lora.OutputWidth[slice]) = Slices[slice];
        }

        var parameters = new ScaleParameters
        {
            Lora = lora,
            FactorRuns = session.Upload<int>(factorRuns),
            Product = session.Upload<float>(product),
            RowSlots = session.Upload<int>(slots),
            RowCount = session.Upload(rows),
            PlaneStride = (ulong)((rows + Untouched) * stride),
            ProductStride = stride,
            Planes = planes,
        };
        session.Launch("srv_scale_outputs", new CudaGrid(blocks, blocksOfColumns), 128, 0, parameters);
        Assert.Equal(product.Select((value, i) => value * FactorOf(i / stride % (rows + Untouched), i % stride)), session.Download<float>(parameters.Product, product.Length));

        float FactorOf(int row, int column)
        {
            var slice = Array.FindIndex(Slices, slice => column >= slice.Offset && column < slice.Offset + slice.Width);
            return row < rows && slots[row] >= 0 && slice >= 0 && factors.TryGetValue((slots[row], slice), out var own) ? own[column - Slices[slice].Offset] : 1;
        }
    }

    /// <summary>Runs lie in pages that do not follow each other; the first run is nobody's, and its cell no number.</summary>
    private static (float[] Cells, int[] Runs, int[] FactorRuns, Dictionary<(int Slot, int Slice), float[]> Factors) Pack()
    {
        var (random, cells, runs, factorRuns, factors) = (new Random(3), new List<float>(), new List<int> { 0 }, new int[Adapters.Length * ModelSlices], new Dictionary<(int, int), float[]>());
        AddPage([]);
        for (var slot = 0; slot < Adapters.Length; slot++)
        {
            for (var slice = 0; slice < Slices.Length; slice++)
            {
                if (Adapters[slot][slice])
                {
                    factorRuns[(slot * ModelSlices) + FirstSlice + slice] = runs.Count + 1;
                    var own = factors[(slot, slice)] = [.. Enumerable.Range(0, Slices[slice].Width).Select(_ => (random.NextSingle() * 2) - 0.5f)];
                    foreach (var page in own.Chunk(CellsPerPage * AdapterLayout.CellFactors))
                    {
                        runs.Add(cells.Count / AdapterLayout.CellFactors);
                        AddPage(page);
                        AddPage([]);
                    }
                }
            }
        }

        return ([.. cells], [.. runs], factorRuns, factors);

        void AddPage(float[] values) => cells.AddRange(values.Concat(Enumerable.Repeat(values.Length == 0 ? float.NaN : 0, (CellsPerPage * AdapterLayout.CellFactors) - values.Length)));
    }
}
