using System.IO.Pipelines;
using Serving.Server.Telemetry;

namespace Serving.Server.Front;

/// <summary>
/// Sends what a stream has written, and cuts off a client that takes nothing more. Kestrel's minimum rate does not do this: it gives credit for what was taken
/// before, hours of it after a few megabytes.
/// </summary>
internal static class StreamFlush
{
    /// <summary>Flushes the response's body.</summary>
    /// <exception cref="OperationCanceledException">
    /// The client has gone, takes nothing more, or the token was cancelled: the caller's stream is disposed on the way out, which cancels the request.
    /// </exception>
    public static async ValueTask FlushAsync(HttpContext context, TimeSpan stallTimeout, CancellationToken cancellationToken)
    {
        var flush = context.Response.BodyWriter.FlushAsync(cancellationToken);
        if (flush.IsCompleted)
        {
            Check(await flush);
            return;
        }

        var pending = flush.AsTask();
        try
        {
            Check(await pending.WaitAsync(stallTimeout, cancellationToken));
        }
        catch (TimeoutException)
        {
            context.RequestServices.GetRequiredService<RequestCounters>().CountStalledStream();
            context.Abort();
            throw new OperationCanceledException("The client takes nothing more.");
        }
        catch (OperationCanceledException) when (!pending.IsCompleted)
        {
            // Whatever else is to be said would wait behind what the client does not take.
            context.Abort();
            throw;
        }
    }

    private static void Check(FlushResult result)
    {
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new OperationCanceledException("The client is gone.");
        }
    }
}
