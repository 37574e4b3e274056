using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Serving.Server.Grpc.Framing;

/// <summary>What a look at a message's bytes tells before they become objects.</summary>
internal enum ScanResult
{
    /// <summary>The parser may have it.</summary>
    Fine,

    /// <summary>It is no message.</summary>
    Malformed,

    /// <summary>It would become more objects than any request needs.</summary>
    TooManyElements,
}

/// <summary>
/// Walks through a message's bytes with its descriptor, before it is parsed: two bytes can become an object of two hundred, so that a body of four megabytes would
/// become a heap of four hundred. Also finds the fields that nobody knows.
/// </summary>
internal struct MessageScan
{
    /// <summary>Messages, texts and unknown fields that a message may hold, nested ones included: a conversation of 1,024 turns with 60 parts each, some ten megabytes of objects.</summary>
    public const int MaxElements = 1 << 16;

    /// <summary>Levels of nesting, those of the parser.</summary>
    public const int MaxDepth = 100;

    private int _elements;

    /// <summary>Whether there are fields that the descriptor does not have.</summary>
    public bool HasUnknownFields { get; private set; }

    /// <summary>Looks through a message.</summary>
    public ScanResult Scan(ReadOnlySpan<byte> bytes, MessageDescriptor type) => Scan(bytes, type, MaxDepth);

    private ScanResult Scan(ReadOnlySpan<byte> bytes, MessageDescriptor type, int depth)
    {
        if (depth == 0)
        {
            return ScanResult.Malformed;
        }

        while (!bytes.IsEmpty)
        {
            if (!TryReadVarint(ref bytes, out var tag) || tag > uint.MaxValue || tag >> 3 == 0)
            {
                return ScanResult.Malformed;
            }

            var field = type.FindFieldByNumber((int)(tag >> 3));
            HasUnknownFields |= field is null;
            var isElement = field is null || field.FieldType is FieldType.Message or FieldType.String or FieldType.Bytes;
            if (isElement && ++_elements > MaxElements)
            {
                return ScanResult.TooManyElements;
            }

            if (!TryReadField(ref bytes, (WireFormat.WireType)(tag & 7), out var content))
            {
                return ScanResult.Malformed;
            }

            if (field is { FieldType: FieldType.Message } && (tag & 7) == (uint)WireFormat.WireType.LengthDelimited
                && Scan(content, field.MessageType, depth - 1) is not ScanResult.Fine and var inner)
            {
                return inner;
            }
        }

        return ScanResult.Fine;
    }

    // Groups are of a time before version 3 of the language.
    private static bool TryReadField(ref ReadOnlySpan<byte> bytes, WireFormat.WireType type, out ReadOnlySpan<byte> content)
    {
        content = default;
        switch (type)
        {
            case WireFormat.WireType.Varint:
                return TryReadVarint(ref bytes, out _);
            case WireFormat.WireType.Fixed32:
                return TryTake(ref bytes, sizeof(uint), out content);
            case WireFormat.WireType.Fixed64:
                return TryTake(ref bytes, sizeof(ulong), out content);
            case WireFormat.WireType.LengthDelimited:
                return TryReadVarint(ref bytes, out var size) && TryTake(ref bytes, size, out content);
            default:
                return false;
        }
    }

    private static bool TryTake(ref ReadOnlySpan<byte> bytes, ulong size, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (size > (ulong)bytes.Length)
        {
            return false;
        }

        content = bytes[..(int)size];
        bytes = bytes[(int)size..];
        return true;
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
