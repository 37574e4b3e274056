using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Memory;

/// <summary>
/// The rows of one program buffer. All elements are held as floats, those of a bf16 buffer rounded (unless the backend is exact), so that
/// products read them without widening.
/// </summary>
internal sealed unsafe class ActivationBuffer : IDisposable
{
    private readonly NativeBuffer<float> _memory;

    /// <summary>Takes zeroed memory for <paramref name="rows"/> rows.</summary>
    public ActivationBuffer(ProgramBuffer buffer, int rows)
    {
        Columns = buffer.Columns;

        // A row is padded to whole adapter tiles, whose columns past the end stay zero, and to an odd number of cache lines, so that
        // neighbouring rows do not meet in the same set of the cache.
        Stride = ((buffer.Columns + 63) / 64 * 64) + 16;
        _memory = new NativeBuffer<float>((long)rows * Stride);
    }

    /// <summary>Columns in use.</summary>
    public int Columns { get; }

    /// <summary>Floats from one row to the next.</summary>
    public int Stride { get; }

    /// <summary>The first element of a row.</summary>
    public float* Row(int row) => _memory.Pointer + ((long)row * Stride);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
