using System.Runtime.CompilerServices;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Managed.Memory;

/// <summary>
/// A weight as kernels read it. A matrix is cut into panels of 32 outputs: [panel][input][16 pairs] in bf16, pair i holding outputs i and i + 16 of the
/// panel, so that a shift and a mask widen one load to two vectors. Every expert begins a panel; outputs past its end are zero. A matrix of integers is an <see cref="IntegerMatrix"/>, a vector floats
/// whatever its format.
/// </summary>
internal sealed unsafe class PackedWeight : IDisposable
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelWidth = 32;

    private const int Half = PanelWidth / 2;

    private readonly WeightSpec _spec;
    private readonly NativeBuffer<ushort>? _panels;
    private readonly NativeBuffer<float>? _vector;
    private readonly IntegerMatrix? _integers;

    /// <summary>Takes zeroed memory for a weight.</summary>
    /// <param name="spec">The weight.</param>
    /// <param name="quantizer">Rounds what is loaded into a matrix of integers.</param>
    public PackedWeight(WeightSpec spec, RowQuantizer quantizer)
    {
        _spec = spec;
        if (spec.Kind == WeightKind.Vector)
        {
            _vector = new NativeBuffer<float>(BytesOf(spec) / sizeof(float));
        }
        else if (spec.Format != WeightFormat.BFloat16)
        {
            _integers = new IntegerMatrix(spec, quantizer);
        }
        else
        {
            _panels = new NativeBuffer<ushort>(BytesOf(spec) / sizeof(ushort));
        }
    }

    /// <summary>Number of panels of one expert's matrix: of the whole where it is the only one.</summary>
    public int PanelCount => (_spec.RowsPerExpert + PanelWidth - 1) / PanelWidth;

    /// <summary>Outputs of one expert's matrix, elements of one expert's bias.</summary>
    public int RowsPerExpert => _spec.RowsPerExpert;

    /// <summary>Inputs of a matrix, elements of a vector.</summary>
    public int Columns => _spec.Columns;

    /// <summary>Outputs, of all experts.</summary>
    public int Rows => _spec.Rows;

    /// <summary>The elements of a vector, zero up to a whole number of panels.</summary>
    public float* Vector => _vector!.Pointer;

    /// <summary>The elements of an expert's bias, zero up to a whole number of panels.</summary>
    public float* VectorOf(int expert) => Vector + (expert * RoundUp(RowsPerExpert));

    /// <summary>A matrix of integers, or null for one of bf16.</summary>
    public IntegerMatrix? Integers => _integers;

    /// <summary>Bytes that a weight takes.</summary>
    public static long BytesOf(WeightSpec spec) => spec.Kind == WeightKind.Vector ? RoundUp(spec.RowsPerExpert) * spec.Experts * sizeof(float)
        : spec.Format != WeightFormat.BFloat16 ? IntegerMatrix.BytesOf(spec)
        : checked(RoundUp(spec.RowsPerExpert) * spec.Experts * spec.Columns * sizeof(ushort));

    /// <summary>A panel's elements.</summary>
    public ushort* Panel(int panel) => _panels!.Pointer + ((long)panel * _spec.Columns * PanelWidth);

    /// <summary>Packs rows (elements, for a vector) from <paramref name="first"/> on.</summary>
    public void Load(int first, ReadOnlySpan<ushort> values)
    {
        if (_vector is not null)
        {
            RequireFormat(WeightFormat.BFloat16);
            for (var i = 0; i < values.Length; i++)
            {
                VectorOf((first + i) / RowsPerExpert)[(first + i) % RowsPerExpert] = BFloat16Bits.ToSingle(values[i]) + _spec.Offset;
            }

            return;
        }

        if (_integers is not null)
        {
            _integers.Load(first, values);
            return;
        }

        var rows = values.Length / _spec.Columns;
        for (var row = 0; row < rows;)
        {
            var (panel, inPanel, left) = PlaceOf(first + row);
            var count = Math.Min(left, rows - row);
            PackPanel(Panel(panel), inPanel, count, values[(row * _spec.Columns)..]);
            row += count;
        }
    }

    /// <summary>Takes elements of a vector of floats from <paramref name="first"/> on.</summary>
    public void Load(int first, ReadOnlySpan<float> values)
    {
        RequireFormat(WeightFormat.Float32);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(values.Length, Columns - first, nameof(values));
        for (var i = 0; i < values.Length; i++)
        {
            Vector[first + i] = values[i] + _spec.Offset;
        }
    }

    /// <summary>Reads one row of a matrix as floats.</summary>
    public void ReadRow(int row, float* destination)
    {
        if (_integers is not null)
        {
            _integers.ReadRow(row, destination);
            return;
        }

        var (panel, inPanel, _) = PlaceOf(row);
        var source = Panel(panel) + PositionOf(inPanel);
        for (var k = 0; k < _spec.Columns; k++)
        {
            destination[k] = BFloat16Bits.ToSingle(source[(long)k * PanelWidth]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _panels?.Dispose();
        _vector?.Dispose();
        _integers?.Dispose();
    }

    /// <summary>Where output <paramref name="column"/> of a run of 32 lies among its 16 pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PositionOf(int column) => (column % Half * 2) + (column / Half);

    /// <summary>The panel of an output, where it is in it, and how many outputs of its expert the panel holds from there on.</summary>
    private (int Panel, int InPanel, int Left) PlaceOf(int row)
    {
        var (expert, output) = (row / _spec.RowsPerExpert, row % _spec.RowsPerExpert);
        var inPanel = output % PanelWidth;
        return ((expert * PanelCount) + (output / PanelWidth), inPanel, Math.Min(PanelWidth - inPanel, _spec.RowsPerExpert - output));
    }

    private void RequireFormat(WeightFormat format)
    {
        if (_spec.Format != format)
        {
            throw new ArgumentException($"weight {_spec.Name} is kept as {_spec.Format}, not as {format}");
        }
    }

    private static long RoundUp(int count) => ((long)count + PanelWidth - 1) / PanelWidth * PanelWidth;

    private void PackPanel(ushort* panel, int inPanel, int count, ReadOnlySpan<ushort> values)
    {
        fixed (ushort* source = values)
        {
            if (count == PanelWidth)
            {
                PackWholePanel((uint*)panel, source);
                return;
            }

            for (var j = 0; j < count; j++)
            {
                var to = panel + PositionOf(inPanel + j);
                for (long k = 0; k < _spec.Columns; k++)
                {
                    to[k * PanelWidth] = source[(j * (long)_spec.Columns) + k];
                }
            }
        }
    }

    /// <summary>Writes a panel from its first byte to its last, a pair of outputs at a time.</summary>
    private void PackWholePanel(uint* panel, ushort* source)
    {
        var columns = _spec.Columns;
        var upper = source + ((long)Half * columns);
        for (var k = 0; k < columns; k++, panel += Half)
        {
            for (long pair = 0, at = k; pair < Half; pair++, at += columns)
            {
                panel[pair] = source[at] | ((uint)upper[at] << 16);
            }
        }
    }
}
