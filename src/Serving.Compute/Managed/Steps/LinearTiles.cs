using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Managed.Steps;

/// <summary>Scratch that all Linears of a program share: one product tile per worker, and of the Linear that runs the shrunk rows x·Aᵀ and, over integers, its rounded input.</summary>
internal sealed unsafe class LinearTiles : IDisposable
{
    /// <summary>Rows of a tile.</summary>
    public const int MaxRows = 64;

    /// <summary>Panels of a tile.</summary>
    public const int MaxPanels = 4;

    /// <summary>Floats per row of a tile.</summary>
    public const int Stride = MaxPanels * PackedWeight.PanelWidth;

    /// <summary>Largest rank of an adapter.</summary>
    public const int MaxRank = 256;

    private readonly NativeBuffer<float> _tiles;
    private readonly NativeBuffer<float> _shrunk;
    private readonly int _slices;

    /// <summary>Takes the memory for <paramref name="rows"/> rows of Linears with up to <paramref name="slices"/> slices, those over integers with up to <paramref name="integerInputs"/> inputs.</summary>
    public LinearTiles(int workers, int rows, int slices, int integerInputs)
    {
        Integers = new IntegerRows(integerInputs == 0 ? 0 : rows, integerInputs);
        _slices = slices;
        _tiles = new NativeBuffer<float>((long)workers * MaxRows * Stride);
        _shrunk = new NativeBuffer<float>((long)rows * slices * MaxRank);
    }

    /// <summary>The rounded input of the Linear that runs, where its matrix holds integers.</summary>
    public IntegerRows Integers { get; }

    /// <summary>A worker's tile.</summary>
    public float* Tile(int worker) => _tiles.Pointer + ((long)worker * MaxRows * Stride);

    /// <summary>A row's x·Aᵀ for the i-th slice of the Linear.</summary>
    public float* Shrunk(int row, int slice) => _shrunk.Pointer + ((((long)row * _slices) + slice) * MaxRank);

    /// <inheritdoc/>
    public void Dispose()
    {
        Integers.Dispose();
        _tiles.Dispose();
        _shrunk.Dispose();
    }
}
