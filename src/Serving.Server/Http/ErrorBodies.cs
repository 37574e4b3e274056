namespace Serving.Server.Http;

/// <summary>
/// Gives a body to every failure that has none (no such route, wrong method, no key), and turns an exception that escaped into a bare 500: what it says goes to
/// the log, never to the client.
/// </summary>
internal sealed partial class ErrorBodies(RequestDelegate next, ILogger<ErrorBodies> logger)
{
    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        var status = await RunAsync(context);
        if (context.Response.HasStarted || status < 400 || context.Response.ContentLength is not null)
        {
            return;
        }

        await context.WriteFailureAsync(status);
    }

    private async Task<int> RunAsync(HttpContext context)
    {
        try
        {
            await next(context);
            return context.Response.StatusCode;
        }
        catch (OperationCanceledException)
        {
            return Abandoned(context);
        }
        catch (IOException) when (context.RequestAborted.IsCancellationRequested)
        {
            return Abandoned(context);
        }
        catch (BadHttpRequestException exception)
        {
            return Clear(context, exception.StatusCode);
        }
        catch (Exception exception)
        {
            LogEscaped(logger, exception, context.TraceIdentifier);
            if (context.Response.HasStarted)
            {
                context.Abort();
            }

            return Clear(context, StatusCodes.Status500InternalServerError);
        }
    }

    // Nobody reads the answer; the status is for the counters only.
    private static int Abandoned(HttpContext context)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            context.Response.ContentLength = 0;
        }

        return StatusCodes.Status499ClientClosedRequest;
    }

    private static int Clear(HttpContext context, int status)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.StatusCode = status;
        }

        return status;
    }

    [LoggerMessage(EventId = 301, Level = LogLevel.Error, Message = "Request {RequestId} failed in the server.")]
    private static partial void LogEscaped(ILogger logger, Exception exception, string requestId);
}
