using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// Streams a checkpoint into a backend, chunk by chunk: each chunk is read, rounded to bf16, packed by the backend and forgotten, so that
/// loading takes no more than <see cref="ChunkBytes"/> × 3 beside the packed weights, × 5 where they are quantized in the checkpoint, twice that where rows of two matrices take turns.
/// </summary>
public sealed class WeightLoader
{
    /// <summary>bf16 bytes per chunk (file bytes of f32 are twice that); a single row may be longer.</summary>
    public const int ChunkBytes = 8 << 20;

    private const int RowGroup = 64;

    private readonly IComputeBackend _backend;
    private readonly IProgress<LoadProgress>? _progress;
    private readonly long _totalBytes;
    private readonly LoadScratch _scratch = new();
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
        Load(backend, program, checkpoint, null, progress);
    }

    /// <summary>Loads every weight of a program from an open checkpoint.</summary>
    /// <param name="backend">Takes them.</param>
    /// <param name="program">Says which.</param>
    /// <param name="checkpoint">Holds them.</param>
    /// <param name="scheme">How the checkpoint keeps matrices that are quantized; null where none is.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, of the wrong shape or type, or not finite; the message names it.</exception>
    public static void Load(
        IComputeBackend backend, ModelProgram program, Checkpoint checkpoint, WeightScheme? scheme = null, IProgress<LoadProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(program);
        var map = TensorMap.Create(program, checkpoint, scheme);
        Load(backend, program, part => map[part], progress);
    }

    /// <summary>Loads every weight of a program from open files.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, of the wrong shape or type, or not finite; the message names it.</exception>
    internal static void Load(IComputeBackend backend, ModelProgram program, IWeightFiles files, IProgress<LoadProgress>? progress = null) =>
        Load(backend, program, Match(program, files), progress);

    /// <summary>Where the rows of every part of a program are read from.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, superfluous, or of the wrong shape or type; the message names it.</exception>
    internal static Func<WeightPart, RowSource> Match(ModelProgram program, IWeightFiles files)
    {
        try
        {
            return files.Match(program);
        }
        catch (MalformedFileException e) when (e is not ModelFormatException)
        {
            throw new ModelFormatException(e.Message, e);
        }
    }

    private static void Load(IComputeBackend backend, ModelProgram program, Func<WeightPart, RowSource> sources, IProgress<LoadProgress>? progress)
    {
        var loader = new WeightLoader(backend, program, progress);
        try
        {
            foreach (var weight in program.Weights)
            {
                foreach (var part in weight.Parts)
                {
                    loader.LoadPart(weight, part, sources(part));
                }
            }
        }
        catch (Exception e) when (e is MalformedFileException or IOException)
        {
            throw e as ModelFormatException ?? new ModelFormatException(e is IOException ? "the weights cannot be read" : e.Message, e);
        }
    }

    private void LoadPart(WeightSpec weight, WeightPart part, RowSource source)
    {
        if (weight.Format == WeightFormat.Float32)
        {
            LoadFloats(weight, part, source);
            return;
        }

        // A vector is one row whose parts are counted in elements.
        var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
        var rowsPerChunk = Math.Max(1, ChunkBytes / (width * sizeof(ushort)));
        rowsPerChunk = rowsPerChunk <= RowGroup ? rowsPerChunk : rowsPerChunk / RowGroup * RowGroup;
        source = part.RowStep == 1 ? source : new SteppedRows(source, part.RowStep, width);
        var keepsIntegers = part.Scale == 1 && source.Holds(weight.Format);
        for (var row = 0; row < part.Length; row += rowsPerChunk)
        {
            var rows = Math.Min(rowsPerChunk, part.Length - row);
            if (keepsIntegers)
            {
                LoadIntegers(weight, part, source, row, rows);
            }
            else
            {
                LoadValues(weight, part, source, row, rows, width);
            }

            _doneBytes += (long)rows * width * sizeof(ushort);
            _progress?.Report(new LoadProgress(_doneBytes, _totalBytes));
        }
    }

    /// <summary>A vector that a recurrence reads: as it is, in one piece.</summary>
    private void LoadFloats(WeightSpec weight, WeightPart part, RowSource source)
    {
        var values = new float[part.Length];
        source.ReadSingles(part.FirstRow, values, _scratch);
        _backend.LoadFloats(weight.Index, part.Offset, values);
        _doneBytes += (long)part.Length * sizeof(ushort);
        _progress?.Report(new LoadProgress(_doneBytes, _totalBytes));
    }

    private void LoadValues(WeightSpec weight, WeightPart part, RowSource source, int row, int rows, int width)
    {
        var values = _scratch.Values(checked(rows * width)).Span;
        ReadRows(part, source, row, width, values);
        Multiply(values, part.Scale);
        if (part.IsSoftplus)
        {
            Soften(values);
        }

        _backend.LoadWeight(weight.Index, part.Offset + row, values);
    }

    /// <summary>Integers of the checkpoint that the weight's format holds: they are not rounded to bf16 and to integers once more.</summary>
    private void LoadIntegers(WeightSpec weight, WeightPart part, RowSource source, int row, int rows)
    {
        var (width, rowScales) = (BlockQuantizer.PaddedColumns(weight.Columns), BlockQuantizer.ScaleCount(weight.Format, weight.Columns));
        var (values, scales) = (_scratch.Integers(checked(rows * width)), _scratch.Values(checked(rows * rowScales)));
        for (var done = 0; done < rows;)
        {
            var (first, count) = part.RunAt(row + done);
            count = Math.Min(count, rows - done);
            source.ReadIntegers(weight.Format, first, count, values.Slice(done * width, count * width), scales.Slice(done * rowScales, count * rowScales), _scratch);
            done += count;
        }

        _backend.LoadIntegers(weight.Index, part.Offset + row, values.Span, scales.Span);
    }

    /// <summary>Rows of a part in its order, run by run of those that lie behind each other in the file.</summary>
    private void ReadRows(WeightPart part, RowSource source, int row, int width, Span<ushort> values)
    {
        while (values.Length > 0)
        {
            var (first, count) = part.RunAt(row);
            var run = values[..Math.Min(values.Length, checked(count * width))];
            source.Read(first, run, _scratch);
            row += run.Length / width;
            values = values[run.Length..];
        }
    }

    private static void Soften(Span<ushort> values)
    {
        foreach (ref var value in values)
        {
            // Beyond 40 it is the number itself.
            var number = BFloat16Bits.ToSingle(value);
            value = number > 40 ? value : BFloat16Bits.FromSingle((float)Math.Log(1 + Math.Exp(number)));
        }
    }

    private static void Multiply(Span<ushort> values, float scale)
    {
        for (var i = 0; scale != 1 && i < values.Length; i++)
        {
            values[i] = BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(values[i]) * scale);
        }
    }
}
