using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Waits for an answer's first event, which a queue or a long prompt may hold up for minutes: clients, and proxies before them, give up a connection on which nothing comes.</summary>
internal static class FirstEvent
{
    /// <summary>Waits, and says from time to time that there is something to wait for.</summary>
    /// <param name="context">The request.</param>
    /// <param name="events">The answer, not asked for anything yet.</param>
    /// <param name="interval">After how much silence.</param>
    /// <param name="stillThere">Says it.</param>
    /// <returns>Whether there is an event.</returns>
    public static async ValueTask<bool> WaitAsync(HttpContext context, IAsyncEnumerator<IndexedEvent> events, TimeSpan interval, Func<ValueTask> stillThere)
    {
        var next = events.MoveNextAsync();
        if (next.IsCompleted)
        {
            return await next;
        }

        var pending = next.AsTask();
        try
        {
            while (true)
            {
                try
                {
                    return await pending.WaitAsync(interval);
                }
                catch (TimeoutException)
                {
                    if (pending.IsCompleted)
                    {
                        return await pending;
                    }

                    await stillThere();
                }
            }
        }
        catch when (!pending.IsCompleted)
        {
            // Nobody may leave an enumerator that is asked for its next element; the client's end ends the wait.
            context.Abort();
            await ((Task)pending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }
}
