using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Reads a submission to its end and writes the answer, at once or in events.</summary>
internal static class AnswerWriter
{
    /// <summary>Collects everything, then writes one body.</summary>
    public static async Task WriteWholeAsync<TAnswer>(HttpContext context, Submission submission, IAnswerFormat<TAnswer> format)
    {
        submission.AnswerWhole();
        await foreach (var happened in submission.ReadAllAsync(context.RequestAborted))
        {
            if (TerminalFailure.Of(happened.Event) is { } failure)
            {
                await context.WriteFailureAsync(failure);
                return;
            }

            format.Add(happened);
        }

        await context.WriteJsonAsync(format.Build(AnswerFormat.Total(submission.Usage)), format.Type);
        submission.OnAnswered();
    }

    /// <summary>
    /// Writes events as they come. A failure before anything was written still has a status of its own; a later one is an error event, after which the stream ends.
    /// </summary>
    public static async Task WriteStreamAsync<TChunk>(HttpContext context, Submission submission, IStreamFormat<TChunk> format, StreamOptions? options, StreamTiming timing)
    {
        await using var events = submission.ReadAllAsync(context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        using var sse = new SseWriter(context, timing.Stall);
        var more = await FirstEvent.WaitAsync(context, events, timing.Ping, sse.SendCommentAsync);
        if (!sse.IsStarted && more && TerminalFailure.Of(events.Current.Event) is { } early)
        {
            await context.WriteFailureAsync(early);
            return;
        }

        sse.Start();
        var sent = new int[submission.Choices];
        for (; more; more = await events.MoveNextAsync())
        {
            if (TerminalFailure.Of(events.Current.Event) is { } failure)
            {
                await sse.SendFailureAsync(failure);
                return;
            }

            sent[events.Current.Index] = events.Current.Event.OutputTokens;
            foreach (var chunk in format.Chunks(events.Current))
            {
                await sse.SendAsync(options?.ContinuousUsageStats == true ? format.WithUsage(chunk, SoFar(submission, sent)) : chunk, format.Type);
            }
        }

        if (options?.IncludeUsage == true)
        {
            await sse.SendAsync(format.UsageChunk(AnswerFormat.Total(submission.Usage)), format.Type);
        }

        await sse.SendDoneAsync();
        submission.OnAnswered();
    }

    /// <summary>Writes events with names as they come. A failure before anything was written has a status of its own; a later one is told by the last event.</summary>
    public static async Task WriteEventsAsync<TEvent>(HttpContext context, Submission submission, IEventFormat<TEvent> format, StreamTiming timing)
        where TEvent : class
    {
        await using var events = submission.ReadAllAsync(context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        using var sse = new SseWriter(context, timing.Stall);
        var more = await FirstEvent.WaitAsync(context, events, timing.Ping, StillThereAsync);
        if (!sse.IsStarted && more && TerminalFailure.Of(events.Current.Event) is { } early)
        {
            await context.WriteFailureAsync(format.Rename(early));
            return;
        }

        await BeginAsync();
        for (; more; more = await events.MoveNextAsync())
        {
            if (TerminalFailure.Of(events.Current.Event) is { } failure)
            {
                await SendAsync(sse, format, [format.Fail(failure)]);
                return;
            }

            await SendAsync(sse, format, format.Take(events.Current.Event));
        }

        await SendAsync(sse, format, format.End(AnswerFormat.Total(submission.Usage)));
        submission.OnAnswered();

        async ValueTask BeginAsync()
        {
            if (!sse.IsStarted)
            {
                sse.Start();
                await SendAsync(sse, format, format.Begin(AnswerFormat.Total(submission.Usage)));
            }
        }

        async ValueTask StillThereAsync()
        {
            await BeginAsync();
            await (format.StillThere is { } said ? SendAsync(sse, format, [said]) : sse.SendCommentAsync());
        }
    }

    private static async ValueTask SendAsync<TEvent>(SseWriter sse, IEventFormat<TEvent> format, IEnumerable<TEvent> events)
        where TEvent : class
    {
        foreach (var happened in events)
        {
            await sse.SendAsync(happened, format.Type, format.NameOf(happened));
        }
    }

    // The engine is ahead of what has been sent.
    private static UsageInfo SoFar(Submission submission, int[] sent)
    {
        var total = AnswerFormat.Total(submission.Usage);
        var tokens = sent.Sum();
        return total with { CompletionTokens = tokens, TotalTokens = total.PromptTokens + tokens };
    }
}
