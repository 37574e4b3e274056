using System.Net;
using System.Text;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Streams whose first token is a long time coming.</summary>
public sealed class StreamPingTests
{
    /// <summary>A daemon that says nothing fails the test instead of holding it up.</summary>
    private static readonly TimeSpan SilentAtMost = TimeSpan.FromMinutes(1);

    private static readonly (string Path, string Body, string Before)[] Streams =
    [
        ("/v1/chat/completions", """{"messages":[{"role":"user","content":"hi"}],"stream":true}""", ": ping\n\n"),
        ("/v1/completions", """{"prompt":"hi","stream":true}""", ": ping\n\n"),
        ("/v1/responses", """{"input":"hi","stream":true}""", "event: response.in_progress"),
        ("/v1/messages", """{"max_tokens":9,"messages":[{"role":"user","content":"hi"}],"stream":true}""", "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: ping\n"),
    ];

    /// <summary>Nothing is said until every client has read that it is waited for.</summary>
    [Fact]
    public async Task Post_FirstTokenThatIsLate_IsWaitedForAloud()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = static _ => { };
        var waiting = await Task.WhenAll(Streams.Select(stream => Waiting.StartAsync(daemon, stream)));

        foreach (var request in daemon.Engine.Requests)
        {
            request.Say(["Hello", " world"]);
        }

        foreach (var stream in waiting)
        {
            using (stream)
            {
                var text = await stream.ReadToEndAsync();
                Assert.Contains("world", text, StringComparison.Ordinal);
                Assert.DoesNotContain("ping", text.Split("Hello")[1], StringComparison.Ordinal);
            }
        }
    }

    /// <summary>By then the status has been sent.</summary>
    [Fact]
    public async Task Post_FailureThatIsLate_IsTheLastEvent()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = static _ => { };
        var waiting = await Task.WhenAll(Streams.Select(stream => Waiting.StartAsync(daemon, stream)));

        foreach (var request in daemon.Engine.Requests)
        {
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.DeadlineExceeded, "It took too long.") });
            request.End();
        }

        foreach (var stream in waiting)
        {
            using (stream)
            {
                var text = await stream.ReadToEndAsync();
                Assert.Contains("It took too long.", text[text.LastIndexOf("data: ", StringComparison.Ordinal)..], StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Post_ClientThatLeavesWhileItWaits_EndsTheRequest()
    {
        await using var daemon = await StartAsync();
        daemon.Engine.Script = static _ => { };

        (await Waiting.StartAsync(daemon, Streams[0])).Dispose();

        await daemon.Engine.Requests.Single().Cancelled;
        Assert.Empty(daemon.Errors);
    }

    private static Task<TestDaemon> StartAsync()
    {
        var options = new ServingOptions();
        options.Server.PingInterval = 1;
        return TestDaemon.StartAsync(options);
    }

    /// <summary>A stream that has said that there is something to wait for.</summary>
    private sealed class Waiting(HttpResponseMessage response, StreamReader reader, StringBuilder text) : IDisposable
    {
        public static async Task<Waiting> StartAsync(TestDaemon daemon, (string Path, string Body, string Before) stream)
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, stream.Path) { Content = new StringContent(stream.Body, Encoding.UTF8, "application/json") };
            var response = await daemon.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var (reader, text, part) = (new StreamReader(await response.Content.ReadAsStreamAsync()), new StringBuilder(), new char[256]);
            while (!text.ToString().Contains(stream.Before, StringComparison.Ordinal))
            {
                var count = await reader.ReadAsync(part).AsTask().WaitAsync(SilentAtMost);
                Assert.NotEqual(0, count);
                text.Append(part, 0, count);
            }

            return new Waiting(response, reader, text);
        }

        public async Task<string> ReadToEndAsync() => text.Append(await reader.ReadToEndAsync()).ToString();

        public void Dispose()
        {
            reader.Dispose();
            response.Dispose();
        }
    }
}
