using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Streams whose first token is a long time coming.</summary>
public sealed class StreamPingTests
{
    private static readonly (string Path, string Body, string Before)[] Streams =
    [
        ("/v1/chat/completions", """{"messages":[{"role":"user","content":"hi"}],"stream":true}""", ": ping\n\n"),
        ("/v1/completions", """{"prompt":"hi","stream":true}""", ": ping\n\n"),
        ("/v1/responses", """{"input":"hi","stream":true}""", "event: response.in_progress"),
        ("/v1/messages", """{"max_tokens":9,"messages":[{"role":"user","content":"hi"}],"stream":true}""", "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: ping\n"),
    ];

    [Fact]
    public async Task Post_FirstTokenThatIsLate_IsWaitedForAloud()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = request => _ = Task.Delay(1500).ContinueWith(_ => request.Say(["Hello", " world"]), TaskScheduler.Default);

        await Task.WhenAll(Streams.Select(async stream =>
        {
            var (path, body, before) = stream;
            var answer = await daemon.PostAsync(path, body);

            Assert.Equal(200, answer.Code);
            Assert.Contains(before, answer.Text.Split("Hello")[0], StringComparison.Ordinal);
            Assert.Contains("world", answer.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("ping", answer.Text.Split("Hello")[1], StringComparison.Ordinal);
        }));
    }

    /// <summary>By then the status has been sent.</summary>
    [Fact]
    public async Task Post_FailureThatIsLate_IsTheLastEvent()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = request => _ = Task.Delay(1500).ContinueWith(
            _ =>
            {
                request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.DeadlineExceeded, "It took too long.") });
                request.End();
            },
            TaskScheduler.Default);

        await Task.WhenAll(Streams.Select(async stream =>
        {
            var answer = await daemon.PostAsync(stream.Path, stream.Body);

            Assert.Equal(200, answer.Code);
            Assert.Contains("It took too long.", answer.Text[answer.Text.LastIndexOf("data: ", StringComparison.Ordinal)..], StringComparison.Ordinal);
        }));
    }

    [Fact]
    public async Task Post_ClientThatLeavesWhileItWaits_EndsTheRequest()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = _ => { };
        using var leaving = new CancellationTokenSource(TimeSpan.FromMilliseconds(1300));
        using var content = new StringContent(Streams[0].Body, System.Text.Encoding.UTF8, "application/json");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => daemon.Client.PostAsync(Streams[0].Path, content, leaving.Token));

        await daemon.Engine.Requests.Single().Cancelled;
        Assert.Empty(daemon.Errors);
    }

    private static Task<TestDaemon> StartAsync()
    {
        var options = new ServingOptions();
        options.Server.PingInterval = 1;
        return TestDaemon.StartAsync(options);
    }
}
