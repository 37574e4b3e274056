using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// A matrix of integers on its way to the device: a strip is put together in host memory and copied when its last row is there. Parts of a matrix may come in any order, each row once;
/// what is under way is a strip for every part that ends within one.
/// </summary>
/// <param name="spec">The matrix.</param>
/// <param name="target">Its memory on the device, zeros.</param>
/// <param name="stream">Where it is copied.</param>
/// <param name="threads">Threads that put strips together.</param>
internal sealed unsafe class IntegerUpload(WeightSpec spec, CudaDeviceBuffer target, CudaStream stream, int threads)
{
    private readonly Dictionary<int, Strip> _begun = [];
    private readonly Stack<byte[]> _spare = [];
    private readonly bool[] _done = new bool[IntegerStrips.StripsOf(spec)];

    /// <summary>Takes rows from <paramref name="firstRow"/> on; the sources are free when it returns.</summary>
    public void Load(int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        var (width, scaleCount) = (BlockQuantizer.PaddedColumns(spec.Columns), BlockQuantizer.ScaleCount(spec.Format, spec.Columns));
        var rows = values.Length / width;
        if (values.Length % width != 0 || scales.Length != rows * scaleCount || firstRow < 0 || rows > spec.Rows - firstRow)
        {
            throw new ComputeException($"Rows {firstRow} … of {values.Length} integers with {scales.Length} scales do not lie in weight {spec.Name} of {spec.Rows} rows of {width}.");
        }

        fixed (sbyte* first = values)
        fixed (ushort* firstScale = scales)
        {
            for (var row = 0; row < rows;)
            {
                var (strip, within) = IntegerStrips.PlaceOf(spec, firstRow + row);
                var count = Math.Min(IntegerStrips.RowsOf(spec, strip) - within, rows - row);
                Put(strip, within, count, first + ((long)row * width), firstScale + ((long)row * scaleCount));
                row += count;
            }
        }
    }

    /// <summary>Copies strips of which rows are missing: these are zeros.</summary>
    public void Settle()
    {
        foreach (var (number, strip) in _begun)
        {
            Copy(number, strip);
        }

        _begun.Clear();
    }

    private void Put(int number, int firstRow, int count, sbyte* values, ushort* scales)
    {
        if (!_begun.TryGetValue(number, out var strip))
        {
            _begun.Add(number, strip = new Strip(_spare.TryPop(out var spare) ? spare : new byte[IntegerStrips.StripBytes(spec.Format, spec.Columns)]));
        }

        var rows = (count == IntegerStrips.Rows ? ulong.MaxValue : (1UL << count) - 1) << firstRow;
        if (_done[number] || (strip.Loaded & rows) != 0)
        {
            throw new ComputeException($"Rows of weight {spec.Name} were loaded twice.");
        }

        Put(strip, firstRow, count, values, scales);
        strip.Loaded |= rows;
        if (ulong.PopCount(strip.Loaded) == (ulong)IntegerStrips.RowsOf(spec, number))
        {
            Copy(number, strip);
            _begun.Remove(number);
            Array.Clear(strip.Bytes);
            _spare.Push(strip.Bytes);
        }
    }

    /// <summary>Blocks in parallel: rows of one share words.</summary>
    private void Put(Strip strip, int firstRow, int count, sbyte* values, ushort* scales)
    {
        var (width, groups, scaleCount) = (BlockQuantizer.PaddedColumns(spec.Columns), BlockQuantizer.GroupCount(spec.Columns), BlockQuantizer.ScaleCount(spec.Format, spec.Columns));
        var bytes = IntegerStrips.BlockBytes(spec.Format);
        fixed (byte* image = strip.Bytes)
        {
            var (to, from, fromScale) = ((nint)image, (nint)values, (nint)scales);
            System.Threading.Tasks.Parallel.For(0, IntegerStrips.BlocksOf(spec.Columns), new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) }, block =>
            {
                for (var row = 0; row < count; row++)
                {
                    var ofRow = new ReadOnlySpan<ushort>((ushort*)fromScale + ((long)row * scaleCount), scaleCount);
                    IntegerStrips.Put(
                        spec.Format,
                        new Span<byte>((byte*)to + ((long)block * bytes), bytes),
                        firstRow + row,
                        new ReadOnlySpan<sbyte>((sbyte*)from + ((long)row * width) + ((long)block * BlockQuantizer.BlockSize), BlockQuantizer.BlockSize),
                        ofRow.Slice(block * 2, 2),
                        scaleCount > groups ? ofRow.Slice(groups + (block * 2), 2) : []);
                }
            });
        }
    }

    private void Copy(int number, Strip strip)
    {
        target.CopyFrom<byte>((long)number * strip.Bytes.Length, strip.Bytes, stream);
        _done[number] = true;
    }

    private sealed class Strip(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;

        public ulong Loaded { get; set; }
    }
}
