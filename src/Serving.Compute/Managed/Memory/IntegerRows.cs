using Serving.Compute.Quantization;

namespace Serving.Compute.Managed.Memory;

/// <summary>The input of a Linear over integers, rounded: scratch that all of a program share. Integers [rows, padded columns], scales [rows, groups], and what a group's integers add up to times its scale, [rows, groups].</summary>
internal sealed unsafe class IntegerRows : IDisposable
{
    private readonly NativeBuffer<sbyte> _values;
    private readonly NativeBuffer<float> _scales;
    private readonly NativeBuffer<float> _sums;
    private readonly int _columns;
    private readonly int _groups;

    /// <summary>Takes memory for rows of up to <paramref name="columns"/> inputs; zero takes none.</summary>
    public IntegerRows(int rows, int columns)
    {
        _columns = BlockQuantizer.PaddedColumns(columns);
        _groups = BlockQuantizer.GroupCount(columns);
        _values = new NativeBuffer<sbyte>((long)rows * _columns);
        _scales = new NativeBuffer<float>((long)rows * _groups);
        _sums = new NativeBuffer<float>((long)rows * _groups);
    }

    /// <summary>A row's integers.</summary>
    public sbyte* Values(int row) => _values.Pointer + ((long)row * _columns);

    /// <summary>A row's scales.</summary>
    public float* Scales(int row) => _scales.Pointer + ((long)row * _groups);

    /// <summary>A row's sums.</summary>
    public float* Sums(int row) => _sums.Pointer + ((long)row * _groups);

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _scales.Dispose();
        _sums.Dispose();
    }
}
