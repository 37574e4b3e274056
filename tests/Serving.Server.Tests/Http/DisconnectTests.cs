using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Http;
using Serving.Server.Telemetry;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class DisconnectTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disconnect_WhileWaiting_CancelsTheRequest(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request => accepted.TrySetResult(request);
        using var client = await ConnectAsync(daemon, stream);
        var request = await accepted.Task;

        client.Close();

        await request.Cancelled;
        Assert.Equal(0, daemon.Engine.Running);
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task Disconnect_InMidStream_CancelsTheRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "first", Tokens = [1] });
            accepted.TrySetResult(request);
        };
        using var client = await ConnectAsync(daemon, stream: true);
        var request = await accepted.Task;
        await client.GetStream().ReadExactlyAsync(new byte[100]);

        client.Close();

        await request.Cancelled;
        Assert.Empty(daemon.Errors);
    }

    /// <summary>Kestrel may say that a stream of HTTP/2 was reset before it cancels the request's token; that is no failure of the server's.</summary>
    [Fact]
    public async Task Read_OfABodyWhoseStreamIsReset_IsCancelled()
    {
        var body = new System.IO.Pipelines.Pipe();
        await body.Writer.WriteAsync("{\"prompt\":"u8.ToArray());
        var reading = JsonBody.ReadAsync(new DefaultHttpContext { Request = { Body = body.Reader.AsStream() } }, OpenAiJson.Default.TokenizeRequest).AsTask();

        await body.Writer.CompleteAsync(new IOException("The client reset the request stream."));

        await Assert.ThrowsAsync<OperationCanceledException>(() => reading);
    }

    [Fact]
    public async Task Disconnect_HundredsAtRandomMoments_LeavesNothingBehind()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var random = new Random(7);
        daemon.Engine.Script = request => _ = Task.Run(() =>
        {
            for (var i = 0; i < 50; i++)
            {
                request.Send(new GenerationEvent { Choice = 0, Text = new string('x', 200), Tokens = [i] });
            }

            request.Say(["end"]);
        });

        for (var i = 0; i < 200; i++)
        {
            using var client = await ConnectAsync(daemon, stream: true);
            var wanted = random.Next(4000);
            await client.GetStream().ReadAtLeastAsync(new byte[wanted + 1], Math.Max(1, wanted), throwOnEndOfStream: false);
            client.Client.LingerState = new LingerOption(enable: i % 2 == 0, 0);
            client.Close();
        }

        while (daemon.Engine.Running > 0)
        {
            await Task.Yield();
        }

        Assert.Equal(200, daemon.Engine.Requests.Count);
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task SlowReader_TakesNothing_IsCutOffWhileOthersGoOn()
    {
        var options = new ServingOptions();
        options.Server.StallTimeout = 1;
        await using var daemon = await TestDaemon.StartAsync(options);
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request =>
        {
            // Far more than the buffers of both sockets hold.
            for (var i = 0; i < 20_000; i++)
            {
                request.Send(new GenerationEvent { Choice = 0, Text = new string('x', 1000), Tokens = [1] });
            }

            accepted.TrySetResult(request);
        };
        using var client = await ConnectAsync(daemon, stream: true);
        var slow = await accepted.Task;

        daemon.Engine.Script = request => request.Say(["quick"]);
        while (!slow.Cancelled.IsCompleted)
        {
            Assert.Equal(200, (await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""")).Code);
        }

        Assert.Equal(1, daemon.App.Services.GetRequiredService<RequestCounters>().StalledStreams);
        Assert.Empty(daemon.Errors);
    }

    /// <summary>A whole answer of some megabytes, to a client that takes nothing of it.</summary>
    [Fact]
    public async Task SlowReader_TakesNothingOfAWholeAnswer_IsCutOff()
    {
        var options = new ServingOptions();
        options.Server.StallTimeout = 1;
        await using var daemon = await TestDaemon.StartAsync(options);
        var accepted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request =>
        {
            request.Say([new string('x', 16 << 20)]);
            accepted.TrySetResult();
        };
        using var client = await ConnectAsync(daemon, stream: false);
        await accepted.Task;
        daemon.Engine.Script = request => request.Say(["quick"]);
        var counters = daemon.App.Services.GetRequiredService<RequestCounters>();
        while (counters.StalledStreams == 0)
        {
            Assert.Equal(200, (await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""")).Code);
        }

        Assert.Equal(1, counters.StalledStreams);
        Assert.Empty(daemon.Errors);
    }

    private static async Task<TcpClient> ConnectAsync(TestDaemon daemon, bool stream)
    {
        var client = new TcpClient();
        await client.ConnectAsync(daemon.Client.BaseAddress!.Host, daemon.Client.BaseAddress.Port);
        var body = $$"""{"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"x"}]}""";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        return client;
    }
}
