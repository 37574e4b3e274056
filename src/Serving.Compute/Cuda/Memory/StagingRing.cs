using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>Pieces of pinned memory that are filled and copied by turns: a piece is filled again when what was copied of it the last time has arrived.</summary>
internal sealed class StagingRing : IDisposable
{
    private readonly CudaPinnedBuffer _memory;
    private readonly CudaEvent[] _copied;
    private readonly long _pieceBytes;

    /// <summary>Takes the memory.</summary>
    public StagingRing(CudaContext context, int pieces, long pieceBytes)
    {
        _pieceBytes = pieceBytes;
        _memory = CudaPinnedBuffer.Allocate(context, pieces * pieceBytes);
        _copied = [.. Enumerable.Range(0, pieces).Select(_ => CudaEvent.Create(context, blocking: true))];
    }

    /// <summary>The memory of a turn. It must be free, and no copy of it queued before it is filled.</summary>
    public Span<T> Piece<T>(long turn, int count)
        where T : unmanaged => _memory.Span<T>(At(turn) * _pieceBytes, count);

    /// <summary>Waits until nothing is copied any more from the piece that is this turn's.</summary>
    public void Await(long turn) => _copied[At(turn)].Synchronize();

    /// <summary>Queues a copy of a part of the piece.</summary>
    public void Copy(long turn, long from, long bytes, CudaDeviceBuffer target, long offset, CudaStream stream) =>
        target.CopyFromAsync(offset, _memory, (At(turn) * _pieceBytes) + from, bytes, stream);

    /// <summary>The piece is free again when what was queued of it has been copied.</summary>
    public void Done(long turn, CudaStream stream) => _copied[At(turn)].Record(stream);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        foreach (var copied in _copied)
        {
            copied.Dispose();
        }
    }

    private int At(long turn) => (int)(turn % _copied.Length);
}
