using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>Pieces of pinned memory that are filled and copied in turns: a piece is filled again when its last copy has been made.</summary>
internal sealed class StagingRing : IDisposable
{
    private readonly CudaPinnedBuffer _memory;
    private readonly CudaEvent[] _copied;
    private readonly long _pieceBytes;
    private int _turn;

    /// <summary>Takes the memory.</summary>
    public StagingRing(CudaContext context, int pieces, long pieceBytes)
    {
        _pieceBytes = pieceBytes;
        _memory = CudaPinnedBuffer.Allocate(context, pieces * pieceBytes);
        _copied = [.. Enumerable.Range(0, pieces).Select(_ => CudaEvent.Create(context, blocking: true))];
    }

    /// <summary>The next piece, as soon as nothing is copied from it any more.</summary>
    public Span<T> Next<T>(int count)
        where T : unmanaged
    {
        _turn = (_turn + 1) % _copied.Length;
        _copied[_turn].Synchronize();
        return _memory.Span<T>(_turn * _pieceBytes, count);
    }

    /// <summary>Queues a copy of a part of the piece.</summary>
    public void Copy(long from, long bytes, CudaDeviceBuffer target, long offset, CudaStream stream) =>
        target.CopyFromAsync(offset, _memory, (_turn * _pieceBytes) + from, bytes, stream);

    /// <summary>The piece is free again when what was queued of it has been copied.</summary>
    public void Done(CudaStream stream) => _copied[_turn].Record(stream);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        foreach (var copied in _copied)
        {
            copied.Dispose();
        }
    }
}
