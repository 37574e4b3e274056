using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Streams a checkpoint into a backend, chunk by chunk: each chunk is read, rounded to bf16, packed by the backend and forgotten, so that
/// loading takes no more than <see cref="ChunkBytes"/> × 3 beside the packed weights.
/// </summary>
public sealed class WeightLoader
{
    /// <summary>bf16 bytes per chunk (file bytes of f32 are twice that); a single row may be longer.</summary>
    public const int ChunkBytes = 8 << 20;

    private const int RowGroup = 64;

    private readonly IComputeBackend _backend;
    private readonly IProgress<LoadProgress>? _progress;
    private readonly long _totalBytes;
    private byte[] _scratch = [];
    private ushort[] _values = [];
    private long _doneBytes;

    private WeightLoader(IComputeBackend backend, ModelProgram program, IProgress<LoadProgress>? progress)
    {
        _backend = backend;
        _progress = progress;
        _totalBytes = program.Weights.Sum(weight => (long)weight.Rows * weight.Columns * sizeof(ushort));
    }

    /// <summary>Loads every weight of a program from a folder.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, of the wrong shape or type, or not finite; the message names it.</exception>
    public static void Load(IComputeBackend backend, ModelProgram program, string folder, IProgress<LoadProgress>? progress = null)
    {
        using var checkpoint = Checkpoint.Open(folder);
        Load(backend, program, checkpoint, progress);
    }

    /// <summary>Loads every weight of a program from an open checkpoint.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, of the wrong shape or type, or not finite; the message names it.</exception>
    public static void Load(IComputeBackend backend, ModelProgram program, Checkpoint checkpoint, IProgress<LoadProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(program);
        var map = TensorMap.Create(program, checkpoint);
        var loader = new WeightLoader(backend, program, progress);
        try
        {
            foreach (var weight in program.Weights)
            {
                foreach (var part in weight.Parts)
                {
                    loader.LoadPart(weight, part, map[part]);
                }
            }
        }
        catch (Exception e) when (e is MalformedFileException or IOException)
        {
            throw e as ModelFormatException ?? new ModelFormatException(e is IOException ? "the weights cannot be read" : e.Message, e);
        }
    }

    private void LoadPart(WeightSpec weight, WeightPart part, TensorLocation location)
    {
        // A vector is one row whose parts are counted in elements.
        var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
        var rowsPerChunk = Math.Max(1, ChunkBytes / (width * sizeof(ushort)));
        rowsPerChunk = rowsPerChunk <= RowGroup ? rowsPerChunk : rowsPerChunk / RowGroup * RowGroup;
        for (var row = 0; row < part.Length; row += rowsPerChunk)
        {
            var rows = Math.Min(rowsPerChunk, part.Length - row);
            var values = Buffer(checked(rows * width), TensorTypes.SizeOf(location.Tensor.Type));
            ReadRows(part, location, row, width, values);
            Multiply(values, part.Scale);
            _backend.LoadWeight(weight.Index, part.Offset + row, values);
            _doneBytes += (long)values.Length * sizeof(ushort);
            _progress?.Report(new LoadProgress(_doneBytes, _totalBytes));
        }
    }

    /// <summary>Rows of a part in its order, run by run of those that lie behind each other in the file.</summary>
    private void ReadRows(WeightPart part, TensorLocation location, int row, int width, Span<ushort> values)
    {
        while (values.Length > 0)
        {
            var (source, count) = part.RunAt(row);
            var run = values[..Math.Min(values.Length, checked(count * width))];
            location.Reader.Read(location.Tensor, (long)source * width, _scratch, run);
            row += run.Length / width;
            values = values[run.Length..];
        }
    }

    private static void Multiply(Span<ushort> values, float scale)
    {
        for (var i = 0; scale != 1 && i < values.Length; i++)
        {
            values[i] = BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(values[i]) * scale);
        }
    }

    private Span<ushort> Buffer(int elements, int elementBytes)
    {
        var bytes = checked(elements * elementBytes);
        if (_scratch.Length < bytes)
        {
            _scratch = GC.AllocateUninitializedArray<byte>(bytes);
        }

        if (_values.Length < elements)
        {
            _values = GC.AllocateUninitializedArray<ushort>(elements);
        }

        return _values.AsSpan(0, elements);
    }
}
