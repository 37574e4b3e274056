using System.Net.Sockets;
using System.Text.Json;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Running;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Client;

/// <summary>Sends a scenario's requests over HTTP and reads their streams as its client would.</summary>
/// <param name="daemon">The tenant's access.</param>
/// <param name="scenario">What its clients do.</param>
/// <param name="prompts">Their token ids.</param>
/// <param name="documents">Their documents; null where prompts have none.</param>
/// <param name="time">What slow readers wait by.</param>
internal sealed class HttpTarget(DaemonClient daemon, Scenario scenario, PromptTokens prompts, Documents? documents, TimeProvider time) : ITarget
{
    private const int ReadBytes = 16 << 10;

    /// <inheritdoc/>
    public async Task SendAsync(RequestTimeline timeline, CancellationToken cancel)
    {
        try
        {
            using var answer = await daemon.PostAsync(documents is null ? "/v1/completions" : "/v1/chat/completions", Body(timeline.Request), cancel);
            if (!answer.IsSuccessStatusCode)
            {
                timeline.Finish(RequestEnd.Failed, $"http_{(int)answer.StatusCode}_{await ErrorAsync(answer, cancel)}");
                return;
            }

            await ReadAsync(timeline, await answer.Content.ReadAsStreamAsync(cancel), cancel);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
        {
            timeline.Finish(RequestEnd.Failed, "connection");
        }
        catch (SseFormatException)
        {
            timeline.Finish(RequestEnd.Failed, "malformed");
        }
    }

    private static async Task<string> ErrorAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancel), new JsonDocumentOptions { MaxDepth = 32 });
            return body.RootElement.ValueKind == JsonValueKind.Object && body.RootElement.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object ? AnswerChunk.ErrorCode(error) : "";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return "malformed";
        }
    }

    private byte[] Body(PlannedRequest request)
    {
        var tokens = documents is null ? prompts.Of(request) : [];
        return documents is null
            ? RequestBody.Completion(request, tokens)
            : RequestBody.Chat(request, Words.Draw(request.PromptTokens, new Sampling.SeededRandom(request.Seed)), documents, scenario.Prompt.Modules!);
    }

    private async Task ReadAsync(RequestTimeline timeline, Stream stream, CancellationToken cancel)
    {
        var (reader, buffer) = (new SseReader(), new byte[ReadBytes]);
        while (true)
        {
            var count = await stream.ReadAsync(buffer, cancel);
            if (count == 0)
            {
                timeline.Finish(RequestEnd.Failed, "incomplete");
                return;
            }

            foreach (var data in reader.Feed(buffer.AsMemory(0, count)))
            {
                if (Take(timeline, data))
                {
                    return;
                }
            }

            if (timeline.Request.HangUpAfter is { } limit && timeline.OutputTokens >= limit)
            {
                timeline.Finish(RequestEnd.HungUp);
                return;
            }

            if (scenario.Client.Kind == ClientKind.ReadsSlowly)
            {
                await Task.Delay(TimeSpan.FromSeconds(scenario.Client.PauseSeconds), time, cancel);
            }
        }
    }

    // True when the answer is over.
    private static bool Take(RequestTimeline timeline, ReadOnlyMemory<byte> data)
    {
        if (data.Span.SequenceEqual("[DONE]"u8))
        {
            timeline.Finish(RequestEnd.Ok);
            return true;
        }

        if (AnswerChunk.Parse(data) is not { } chunk)
        {
            throw new SseFormatException("an event is not a chunk of an answer");
        }

        if (chunk.Error is not null)
        {
            timeline.Finish(RequestEnd.Failed, $"stream_{chunk.Error}");
            return true;
        }

        if (chunk.PromptTokens is { } prompt)
        {
            timeline.Prompt(prompt, chunk.CachedTokens);
        }

        // Servers that count in the last event alone are taken to send a token an event.
        timeline.Tokens(chunk.CompletionTokens ?? (chunk.HasChoices ? timeline.OutputTokens + 1 : 0));
        return false;
    }
}
