using System.Buffers;
using Google.Protobuf;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Grpc.Framing;

/// <summary>Parses messages: their number of objects is bounded by <see cref="MessageScan"/>, their size by what has arrived.</summary>
internal static class MessageParsing
{
    /// <summary>Parses a message.</summary>
    public static IncomingMessage<T> Parse<T>(in ReadOnlySequence<byte> bytes)
        where T : class, IMessage<T>, new()
    {
        if (bytes.IsSingleSegment)
        {
            return Parse<T>(bytes.FirstSpan);
        }

        var whole = ArrayPool<byte>.Shared.Rent((int)bytes.Length);
        try
        {
            bytes.CopyTo(whole);
            return Parse<T>(whole.AsSpan(0, (int)bytes.Length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    /// <summary>Parses a message.</summary>
    public static IncomingMessage<T> Parse<T>(ReadOnlySpan<byte> bytes)
        where T : class, IMessage<T>, new()
    {
        var descriptor = Parsers<T>.Type;
        var scan = default(MessageScan);
        var result = scan.Scan(bytes, descriptor);
        if (result == ScanResult.TooManyElements)
        {
            return Invalid<T>($"The message has more than {MessageScan.MaxElements} elements.");
        }

        try
        {
            return result == ScanResult.Fine
                ? new(Parsers<T>.Discarding.ParseFrom(bytes), null, scan.HasUnknownFields)
                : Invalid<T>($"The message is no {descriptor.FullName}.");
        }
        catch (InvalidProtocolBufferException)
        {
            return Invalid<T>($"The message is no {descriptor.FullName}.");
        }
    }

    private static IncomingMessage<T> Invalid<T>(string message)
        where T : class => new(null, new RequestFailure(RequestError.InvalidRequest, message));

    private static class Parsers<T>
        where T : class, IMessage<T>, new()
    {
        public static readonly Google.Protobuf.Reflection.MessageDescriptor Type = new T().Descriptor;
        public static readonly MessageParser<T> Discarding = new MessageParser<T>(() => new T()).WithDiscardUnknownFields(true);
    }
}
