using Google.Protobuf.Reflection;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Front;
using Serving.Server.Grpc.Framing;
using Serving.Server.Telemetry;

namespace Serving.Server.Grpc.Calls;

/// <summary>
/// Ends every gRPC call with a status, whoever refused it: the method, the authorisation, the route table or an exception that escaped, which goes to the log. The
/// HTTP status of them all is 200.
/// </summary>
internal sealed partial class GrpcStatuses(RequestDelegate next, RequestCounters counters, ILogger<GrpcStatuses> logger)
{
    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        if (!GrpcProtocol.IsSpokenBy(context.Request.ContentType))
        {
            await next(context);
            return;
        }

        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return;
        }

        var status = await RunAsync(context);
        var method = context.GetEndpoint()?.Metadata.GetMetadata<MethodDescriptor>();
        counters.CountCall(method?.Service.FullName ?? "unknown", method?.Name ?? "unknown", status.Code.ToString());
        if (!context.RequestAborted.IsCancellationRequested)
        {
            Write(context, status);
        }
    }

    private async Task<GrpcStatus> RunAsync(HttpContext context)
    {
        GrpcStatus status;
        try
        {
            await next(context);
            status = context.Features.Get<GrpcStatus>() ?? GrpcStatus.OfHttp(context.Response.StatusCode);
        }
        catch (OperationCanceledException)
        {
            status = GrpcStatus.Of(Failures.Of(RequestError.Cancelled));
        }
        catch (IOException) when (context.RequestAborted.IsCancellationRequested)
        {
            status = GrpcStatus.Of(Failures.Of(RequestError.Cancelled));
        }
        catch (BadHttpRequestException exception)
        {
            status = GrpcStatus.OfHttp(exception.StatusCode);
        }
        catch (Exception exception)
        {
            LogEscaped(logger, exception, context.TraceIdentifier);
            status = GrpcStatus.Internal;
        }

        // A request that is cancelled because its time is up does not know why.
        var isLate = status.Code == GrpcStatusCode.Cancelled && context.Features.Get<GrpcCall>() is { IsLate: true };
        return isLate ? GrpcStatus.Of(Failures.Of(RequestError.DeadlineExceeded)) : status;
    }

    // Before the first message the status takes the place of the headers, after it that of the trailers.
    private static void Write(HttpContext context, GrpcStatus status)
    {
        var hasWritten = context.Features.Get<GrpcCall>() is { HasWritten: true };
        if (!hasWritten && !context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.ContentType = GrpcProtocol.ContentType;
        }

        Put(context, hasWritten, GrpcProtocol.StatusTrailer, ((int)status.Code).ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (status.Code == GrpcStatusCode.Ok)
        {
            return;
        }

        Put(context, hasWritten, GrpcProtocol.MessageTrailer, PercentEncoding.Encode(status.Message));
        Put(context, hasWritten, GrpcProtocol.AcceptEncodingHeader, "identity");
        if (status.Failure is { } failure)
        {
            Put(context, hasWritten, GrpcProtocol.DetailsTrailer, StatusDetails.Encode(status.Code, failure));
        }
    }

    private static void Put(HttpContext context, bool asTrailer, string name, string value)
    {
        if (asTrailer)
        {
            context.Response.AppendTrailer(name, value);
        }
        else
        {
            context.Response.Headers[name] = value;
        }
    }

    [LoggerMessage(EventId = 401, Level = LogLevel.Error, Message = "Call {RequestId} failed in the server.")]
    private static partial void LogEscaped(ILogger logger, Exception exception, string requestId);
}
