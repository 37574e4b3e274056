using Google.Protobuf;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Front;
using Serving.Server.Grpc.Framing;
using Serving.Server.Telemetry;

namespace Serving.Server.Grpc.Calls;

/// <summary>What a method has of its call: messages to read and to write, and how long the client waits.</summary>
internal sealed class GrpcCall : IDisposable
{
    private readonly HttpContext _context;
    private readonly MessageReader _reader;
    private readonly GrpcLimits _limits;
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationTokenSource _either;
    private readonly long _started;
    private readonly TimeSpan? _timeout;

    /// <summary>Begins a call.</summary>
    /// <param name="context">The request that carries it.</param>
    /// <param name="limits">What it is bounded by.</param>
    /// <param name="timeout">How long the client waits; null for ever.</param>
    public GrpcCall(HttpContext context, GrpcLimits limits, TimeSpan? timeout)
    {
        _context = context;
        _limits = limits;
        _timeout = timeout;
        _started = limits.Time.GetTimestamp();
        _reader = new MessageReader(context.Request.BodyReader, limits.MaxMessageSize);
        _deadline = new CancellationTokenSource(timeout ?? Timeout.InfiniteTimeSpan, limits.Time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _deadline.Token);

        // The limit is the message's; its prefix comes on top.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = limits.MaxMessageSize + MessageFrame.PrefixSize;
    }

    /// <summary>The request that carries it.</summary>
    public HttpContext Context => _context;

    /// <summary>Cancelled when the client has gone or its deadline has passed.</summary>
    public CancellationToken Cancelled => _either.Token;

    /// <summary>Whether the deadline has passed.</summary>
    public bool IsLate => _deadline.IsCancellationRequested;

    /// <summary>How much longer the client waits, at least a tick; null for ever.</summary>
    public TimeSpan? Remaining => _timeout is { } timeout ? TimeSpan.FromTicks(Math.Max(1, (timeout - _limits.Time.GetElapsedTime(_started)).Ticks)) : null;

    /// <summary>Whether a message was written: from then on the status can only follow.</summary>
    public bool HasWritten { get; private set; }

    /// <summary>The one message of a call that has one.</summary>
    public async ValueTask<(T? Message, RequestFailure? Failure)> ReadOnlyAsync<T>()
        where T : class, IMessage<T>, new() => Take(await _reader.ReadOnlyAsync<T>(Cancelled));

    /// <summary>The next message of a call that has many; null at their end. A client that says nothing for as long as a stalled one takes nothing is cut off.</summary>
    public async ValueTask<(T? Message, RequestFailure? Failure)> ReadNextAsync<T>()
        where T : class, IMessage<T>, new()
    {
        // Pauses are the client's: for one that is too long Kestrel would close the connection, other calls on it included.
        _context.Features.GetRequiredFeature<IHttpMinRequestBodyDataRateFeature>().MinDataRate = null;
        using var idle = new CancellationTokenSource(_limits.StallTimeout, _limits.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(Cancelled, idle.Token);
        try
        {
            return Take(await _reader.ReadAsync<T>(either.Token));
        }
        catch (OperationCanceledException) when (idle.IsCancellationRequested && !Cancelled.IsCancellationRequested)
        {
            return (null, new RequestFailure(RequestError.DeadlineExceeded, "No further message came in time."));
        }
    }

    /// <summary>Writes a message and sends it.</summary>
    /// <exception cref="OperationCanceledException">The client has gone, takes nothing more, or its deadline has passed.</exception>
    public ValueTask WriteAsync(IMessage message)
    {
        if (!HasWritten)
        {
            HasWritten = true;
            _context.Response.ContentType = GrpcProtocol.ContentType;
        }

        MessageWriting.Write(_context.Response.BodyWriter, message);
        return StreamFlush.FlushAsync(_context, _limits.StallTimeout, Cancelled);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _either.Dispose();
        _deadline.Dispose();
    }

    private (T? Message, RequestFailure? Failure) Take<T>(IncomingMessage<T> read)
        where T : class
    {
        _limits.Counters.CountUnknownFields(read.HasUnknownFields ? 1 : 0);
        return (read.Value, read.Failure);
    }
}
