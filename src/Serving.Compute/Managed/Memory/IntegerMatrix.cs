using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Managed.Memory;

/// <summary>A matrix of integers with their scales, row by row: integers [rows, padded columns], a byte each whatever the format, and scales [rows, groups] widened to fp32, behind which a row's offsets lie where the format has some. Rows past the end are zero, up to a whole panel.</summary>
internal sealed unsafe class IntegerMatrix : IDisposable
{
    private readonly WeightSpec _spec;
    private readonly RowQuantizer _quantizer;
    private readonly NativeBuffer<sbyte> _values;
    private readonly NativeBuffer<float> _scales;
    private readonly int _rowScales;

    /// <summary>Takes zeroed memory for a weight.</summary>
    public IntegerMatrix(WeightSpec spec, RowQuantizer quantizer)
    {
        _spec = spec;
        _quantizer = quantizer;
        Columns = BlockQuantizer.PaddedColumns(spec.Columns);
        Groups = BlockQuantizer.GroupCount(spec.Columns);
        _values = new NativeBuffer<sbyte>(RowsOf(spec) * Columns);
        _rowScales = BlockQuantizer.ScaleCount(spec.Format, spec.Columns);
        _scales = new NativeBuffer<float>(RowsOf(spec) * _rowScales);
    }

    /// <summary>Integers of a row.</summary>
    public int Columns { get; }

    /// <summary>Groups of a row.</summary>
    public int Groups { get; }

    /// <summary>Whether groups have offsets.</summary>
    public bool HasOffsets => _rowScales > Groups;

    /// <summary>Bytes that a weight takes.</summary>
    public static long BytesOf(WeightSpec spec) =>
        checked(RowsOf(spec) * (BlockQuantizer.PaddedColumns(spec.Columns) + ((long)BlockQuantizer.ScaleCount(spec.Format, spec.Columns) * sizeof(float))));

    /// <summary>A row's integers.</summary>
    public sbyte* Values(int row) => _values.Pointer + ((long)row * Columns);

    /// <summary>A row's scales.</summary>
    public float* Scales(int row) => _scales.Pointer + ((long)row * _rowScales);

    /// <summary>A row's offsets; null where the format has none.</summary>
    public float* Offsets(int row) => HasOffsets ? Scales(row) + Groups : null;

    /// <summary>Rounds and keeps whole rows of bf16 from <paramref name="first"/> on.</summary>
    public void Load(int first, ReadOnlySpan<ushort> rows)
    {
        var (values, scales) = _quantizer.Quantize(_spec, rows);
        Load(first, values.Span, scales.Span);
    }

    /// <summary>Keeps whole rows of integers with their bf16 scales, and offsets, from <paramref name="first"/> on.</summary>
    public void Load(int first, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(values.Length / Columns, _spec.Rows - first, nameof(values));
        ArgumentOutOfRangeException.ThrowIfNotEqual(scales.Length, values.Length / Columns * _rowScales, nameof(scales));
        values.CopyTo(new Span<sbyte>(Values(first), values.Length));
        var target = Scales(first);
        for (var i = 0; i < scales.Length; i++)
        {
            target[i] = BFloat16Bits.ToSingle(scales[i]);
        }
    }

    /// <summary>Reads one row as floats: scale × integer, which fp32 holds exactly, and the sum with an offset, rounded once.</summary>
    public void ReadRow(int row, float* destination)
    {
        var values = Values(row);
        var scales = Scales(row);
        var offsets = Offsets(row);
        for (var k = 0; k < _spec.Columns; k++)
        {
            var product = scales[k / BlockQuantizer.GroupSize] * values[k];
            destination[k] = offsets is null ? product : product + offsets[k / BlockQuantizer.GroupSize];
        }
    }

    private static long RowsOf(WeightSpec spec) => ((long)spec.Rows + PackedWeight.PanelWidth - 1) / PackedWeight.PanelWidth * PackedWeight.PanelWidth;

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _scales.Dispose();
    }
}
