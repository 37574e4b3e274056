using System.Buffers;
using Google.Protobuf;

namespace Serving.Server.Grpc.Framing;

/// <summary>Writes messages with their prefix.</summary>
internal static class MessageWriting
{
    /// <summary>Writes a message.</summary>
    public static void Write(IBufferWriter<byte> output, IMessage message)
    {
        var size = message.CalculateSize();
        var span = output.GetSpan(MessageFrame.PrefixSize + size)[..(MessageFrame.PrefixSize + size)];
        MessageFrame.WritePrefix(span, size);
        message.WriteTo(span[MessageFrame.PrefixSize..]);
        output.Advance(span.Length);
    }
}
