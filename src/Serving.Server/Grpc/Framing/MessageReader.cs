using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Grpc.Framing;

/// <summary>A message of a request's body.</summary>
/// <param name="Value">The message; null at the end of the body, or when there is a failure.</param>
/// <param name="Failure">What is wrong.</param>
/// <param name="HasUnknownFields">Whether it holds fields that nobody knows here.</param>
internal readonly record struct IncomingMessage<T>(T? Value, RequestFailure? Failure, bool HasUnknownFields = false)
    where T : class;

/// <summary>Reads a request's messages. No more than one message and its prefix is kept, and of one that is announced too long only the prefix.</summary>
internal sealed class MessageReader(PipeReader body, long maxSize)
{
    /// <summary>The next message.</summary>
    public async ValueTask<IncomingMessage<T>> ReadAsync<T>(CancellationToken cancellationToken)
        where T : class, IMessage<T>, new()
    {
        while (true)
        {
            var read = await ReadAsync(cancellationToken);
            var buffer = read.Buffer;
            switch (MessageFrame.Read(buffer, maxSize, out var message))
            {
                case FrameState.Complete:
                    var parsed = MessageParsing.Parse<T>(message);
                    Advance(message.End, message.End);
                    return parsed;
                case FrameState.Incomplete when !read.IsCompleted:
                    Advance(buffer.Start, buffer.End);
                    break;
                case FrameState.Incomplete when buffer.IsEmpty:
                    Advance(buffer.End, buffer.End);
                    return default;
                case var state:
                    Advance(buffer.End, buffer.End);
                    return new(null, Failure(state));
            }
        }
    }

    /// <summary>The one message of a call that has one.</summary>
    public async ValueTask<IncomingMessage<T>> ReadOnlyAsync<T>(CancellationToken cancellationToken)
        where T : class, IMessage<T>, new()
    {
        var read = await ReadAsync<T>(cancellationToken);
        if (read.Value is null)
        {
            return read.Failure is null ? new(null, Invalid("The request holds no message.")) : read;
        }

        var behind = await ReadAsync<T>(cancellationToken);
        return behind.Failure is not null || behind.Value is not null ? new(null, behind.Failure ?? Invalid("The request holds more than one message.")) : read;
    }

    // A stream that is reset while it is read may fail in both of these before the request's token says that the client has gone.
    private async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(cancellationToken);
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            throw Gone(exception);
        }
    }

    private void Advance(SequencePosition consumed, SequencePosition examined)
    {
        try
        {
            body.AdvanceTo(consumed, examined);
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            throw Gone(exception);
        }
    }

    private static OperationCanceledException Gone(IOException exception) => new("The client is gone.", exception);

    private RequestFailure Failure(FrameState state) => state switch
    {
        FrameState.Compressed => new RequestFailure(RequestError.NotSupported, "Compressed messages are not supported; grpc-accept-encoding says what is."),
        FrameState.TooLarge => new RequestFailure(RequestError.BodyTooLarge, $"The message is larger than the limit of {maxSize} bytes."),
        FrameState.Malformed => Invalid("The request is no length-prefixed message."),
        _ => Invalid("The request ends within a message."),
    };

    private static RequestFailure Invalid(string message) => new(RequestError.InvalidRequest, message);
}
