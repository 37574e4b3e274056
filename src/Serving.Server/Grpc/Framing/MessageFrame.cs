using System.Buffers;
using System.Buffers.Binary;

namespace Serving.Server.Grpc.Framing;

/// <summary>What the bytes at hand are.</summary>
internal enum FrameState
{
    /// <summary>Less than a message.</summary>
    Incomplete,

    /// <summary>A message.</summary>
    Complete,

    /// <summary>A compressed message.</summary>
    Compressed,

    /// <summary>No message: its first byte is neither 0 nor 1.</summary>
    Malformed,

    /// <summary>A message that is longer than the limit. Nothing of it is waited for.</summary>
    TooLarge,
}

/// <summary>A length-prefixed message: a byte that says whether it is compressed, its length as four bytes with the highest first, itself.</summary>
internal static class MessageFrame
{
    /// <summary>Bytes before the message.</summary>
    public const int PrefixSize = 5;

    /// <summary>Looks at what has arrived.</summary>
    /// <param name="buffer">What has arrived.</param>
    /// <param name="maxSize">Bytes of a message at most.</param>
    /// <param name="message">The message, when it is complete: a part of the buffer behind which the next frame begins.</param>
    public static FrameState Read(in ReadOnlySequence<byte> buffer, long maxSize, out ReadOnlySequence<byte> message)
    {
        message = default;
        if (buffer.IsEmpty)
        {
            return FrameState.Incomplete;
        }

        if (buffer.FirstSpan[0] is not 0 and var flag)
        {
            return flag == 1 ? FrameState.Compressed : FrameState.Malformed;
        }

        if (buffer.Length < PrefixSize)
        {
            return FrameState.Incomplete;
        }

        Span<byte> prefix = stackalloc byte[PrefixSize];
        buffer.Slice(0, PrefixSize).CopyTo(prefix);
        var size = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (size > maxSize)
        {
            return FrameState.TooLarge;
        }

        if (buffer.Length - PrefixSize < size)
        {
            return FrameState.Incomplete;
        }

        message = buffer.Slice(PrefixSize, size);
        return FrameState.Complete;
    }

    /// <summary>Writes the prefix of a message that is not compressed.</summary>
    public static void WritePrefix(Span<byte> destination, int size)
    {
        destination[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(destination[1..], size);
    }
}
