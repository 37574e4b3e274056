using System.Runtime.InteropServices;

namespace Serving.Compute.Managed.Memory;

/// <summary>Unmanaged memory of a fixed length, aligned to 64 bytes. The owner disposes it when no worker computes any more.</summary>
/// <typeparam name="T">The element type.</typeparam>
internal sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    /// <summary>A cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    /// <summary>Bytes past the end that a vector load may touch.</summary>
    private const int Slack = 256;

    /// <summary>Takes memory for <paramref name="length"/> elements; zeroed unless <paramref name="zeroed"/> is false.</summary>
    public NativeBuffer(long length, bool zeroed = true)
    {
        Length = length;
        var bytes = checked((nuint)(length * sizeof(T)) + Slack);
        Pointer = (T*)NativeMemory.AlignedAlloc(bytes, Alignment);
        if (zeroed)
        {
            NativeMemory.Clear(Pointer, bytes);
        }
    }

    /// <summary>The first element.</summary>
    public T* Pointer { get; private set; }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
    }
}
