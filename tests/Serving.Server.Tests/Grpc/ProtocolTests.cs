using System.Net;
using System.Text;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;
using static Serving.Server.Tests.Grpc.GenerateTests;

namespace Serving.Server.Tests.Grpc;

/// <summary>What goes wrong on the wire: each has its status, and nobody else notices.</summary>
public sealed class ProtocolTests
{
    [Fact]
    public async Task Call_UnknownMethod_IsUnimplemented()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        foreach (var method in new[] { "serving.v1.InferenceService/Nothing", "nobody.Service/Generate", "nothing" })
        {
            var answer = await client.CallAsync(method, Hello);
            Assert.Equal((200, GrpcStatusCode.Unimplemented, "application/grpc"), (answer.Http, answer.Code, answer.Header("content-type") ?? "application/grpc"));
        }
    }

    [Fact]
    public async Task Call_WrongOrNoKey_IsUnauthenticatedAndKnownMethodsStayUnknown()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        foreach (var key in new[] { null, "", "wrong", "KEY-ONE", new string('k', 4096) })
        {
            using var client = daemon.Grpc(key);
            foreach (var method in new[] { Generate, GenerateStream, "serving.v1.AdapterService/LoadAdapter", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "nobody/Nothing" })
            {
                var answer = await client.CallAsync(method, Hello);
                Assert.True(answer.Code == GrpcStatusCode.Unauthenticated, $"{method} with '{key}': {answer.Code}");
                Assert.Equal("UNAUTHORIZED", answer.Reason);
            }
        }

        using var one = daemon.Grpc("key-one");
        Assert.Equal(GrpcStatusCode.Ok, (await one.CallAsync(Generate, Hello)).Code);
        Assert.Equal("one", daemon.Engine.Requests.Single().Request.Tenant.Id.Value);
    }

    [Theory]
    [InlineData(new byte[0], GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 0, 0, 0 }, GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 1 }, GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 7, 0, 0, 0, 0 }, GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 0xFF, 0xFF }, GrpcStatusCode.InvalidArgument)]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, GrpcStatusCode.Unimplemented)]
    [InlineData(new byte[] { 0, 255, 255, 255, 255 }, GrpcStatusCode.ResourceExhausted)]
    internal async Task Call_BrokenFrame_HasItsStatus(byte[] body, GrpcStatusCode code)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var answer = await client.CallAsync(Generate, body);

        Assert.Equal(code, answer.Code);
        Assert.NotNull(answer.Details);
        Assert.Equal("identity", answer.Header("grpc-accept-encoding"));
        Assert.Equal(GrpcStatusCode.Ok, (await client.CallAsync(Generate, Hello)).Code);
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task Call_MessageAtTheLimit_IsTakenAndOneByteMoreIsNot()
    {
        var options = new ServingOptions();
        options.Server.MaxBodySize = 64 << 10;
        await using var daemon = await TestDaemon.StartAsync(options);
        using var client = daemon.Grpc();
        var request = new GenerateRequest { Text = "" };
        request.Text = new string('x', (64 << 10) - 4);
        Assert.Equal(64 << 10, request.CalculateSize());

        Assert.Equal(GrpcStatusCode.Ok, (await client.CallAsync(Generate, request)).Code);
        request.Text += "x";
        var announced = await client.CallAsync(Generate, request);
        using var streamed = await client.SendAsync(Generate, new UnknownLength(GrpcClient.Frame(request)), CancellationToken.None);
        var chunked = new GrpcAnswer(streamed, await streamed.Content.ReadAsByteArrayAsync());

        Assert.Equal((GrpcStatusCode.ResourceExhausted, "BODY_TOO_LARGE"), (announced.Code, announced.Reason));
        Assert.Equal((GrpcStatusCode.ResourceExhausted, "BODY_TOO_LARGE"), (chunked.Code, chunked.Reason));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpc-web")]
    public async Task Call_OtherContentType_Is415(string contentType)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        using var response = await client.SendAsync(Generate, GrpcClient.Frame(Hello), CancellationToken.None, ("content-type", contentType));

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Contains("application/grpc", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_OverHttp11_Is426()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var content = new ByteArrayContent(GrpcClient.Frame(Hello));
        content.Headers.TryAddWithoutValidation("Content-Type", "application/grpc");

        using var response = await daemon.Client.PostAsync("/" + Generate, content);

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("soon")]
    [InlineData("-1S")]
    public async Task Call_MalformedTimeout_IsRefused(string timeout)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var answer = await client.CallAsync(Generate, Hello, ("grpc-timeout", timeout));

        Assert.Equal(GrpcStatusCode.InvalidArgument, answer.Code);
        Assert.Contains("grpc-timeout", answer.Message, StringComparison.Ordinal);
        Assert.Empty(daemon.Engine.Requests);
    }

    [Theory]
    [InlineData(Generate)]
    [InlineData(GenerateStream)]
    public async Task Call_DeadlinePasses_CancelsTheRequestAndSaysSo(string method)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Script = request => request.Send(new GenerationEvent { Choice = 0, Text = "half" });

        var answer = await client.CallAsync(method, Hello, ("grpc-timeout", "50m"));

        var request = daemon.Engine.Requests.Single();
        await request.Cancelled;
        Assert.Equal((GrpcStatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED"), (answer.Code, answer.Reason));
        Assert.Equal(method == GenerateStream ? 1 : 0, answer.Frames.Count);
        Assert.InRange(request.Request.Timeout!.Value, TimeSpan.FromTicks(1), TimeSpan.FromMilliseconds(50));
        Assert.Equal(0, daemon.Engine.Running);
        Assert.Empty(daemon.Errors);
    }

    [Theory]
    [InlineData(Generate)]
    [InlineData(GenerateStream)]
    public async Task Call_ClientCancels_CancelsTheRequestAndNoOtherOfItsConnection(string method)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "half" });
            accepted.TrySetResult(request);
        };
        using var stop = new CancellationTokenSource();
        var call = client.SendAsync(method, GrpcClient.Frame(Hello), stop.Token);
        var given = await accepted.Task;
        daemon.Engine.Script = _ => { };
        var other = client.CallAsync(GenerateStream, Hello);
        while (daemon.Engine.Requests.Count < 2)
        {
            await Task.Yield();
        }

        if (method == GenerateStream)
        {
            (await call).Dispose();
        }
        else
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await given.Cancelled;
        daemon.Engine.Requests.Last().Say(["still", " here"]);
        Assert.Equal("still here", string.Concat((await other).All<GenerateStreamResponse>().Select(message => message.Choice?.Text)));
        Assert.Empty(daemon.Errors);
    }

    /// <summary>A stream whose client takes nothing is reset; another stream of the same connection goes on.</summary>
    [Fact]
    public async Task Call_ReaderTakesNothing_IsCutOffWhileOthersGoOn()
    {
        var options = new ServingOptions();
        options.Server.StallTimeout = 1;
        await using var daemon = await TestDaemon.StartAsync(options);
        using var client = daemon.Grpc();
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request =>
        {
            // Far more than the client's window and the sockets hold.
            for (var i = 0; i < 40_000; i++)
            {
                request.Send(new GenerationEvent { Choice = 0, Text = new string('x', 1000), Tokens = [1] });
            }

            accepted.TrySetResult(request);
        };
        using var response = await client.SendAsync(GenerateStream, GrpcClient.Frame(Hello), CancellationToken.None);
        var slow = await accepted.Task;

        daemon.Engine.Script = request => request.Say(["quick"]);
        while (!slow.Cancelled.IsCompleted)
        {
            Assert.Equal(GrpcStatusCode.Ok, (await client.CallAsync(GenerateStream, Hello)).Code);
        }

        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task Call_MoreAtOnceThanAConnectionTakes_AreAllAnswered()
    {
        var options = new ServingOptions();
        options.Grpc.MaxStreams = 4;
        await using var daemon = await TestDaemon.StartAsync(options);
        using var client = daemon.Grpc();

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => client.CallAsync(Generate, Hello)));

        Assert.All(answers, answer => Assert.Equal(GrpcStatusCode.Ok, answer.Code));
    }

    [Fact]
    public async Task Call_Counts_AreInTheMetrics()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        await client.CallAsync(Generate, Hello);
        await client.CallAsync(Generate, Array.Empty<byte>());
        await client.CallAsync("nobody/Nothing", Hello);
        byte[] unknown = [.. GrpcClient.Frame([0xF8, 0x3F, 0x01])];
        await client.CallAsync(Generate, unknown);

        var metrics = (await daemon.GetAsync("/metrics")).Text;

        foreach (var line in new[]
        {
            "grpc_server_handled_total{grpc_service=\"serving.v1.InferenceService\",grpc_method=\"Generate\",grpc_code=\"Ok\"} 1",
            "grpc_server_handled_total{grpc_service=\"serving.v1.InferenceService\",grpc_method=\"Generate\",grpc_code=\"InvalidArgument\"} 2",
            "grpc_server_handled_total{grpc_service=\"unknown\",grpc_method=\"unknown\",grpc_code=\"Unimplemented\"} 1",
            "http_requests_total{handler=\"/serving.v1.InferenceService/Generate\",method=\"POST\",status=\"200\"} 3",
            "serving_unknown_fields_total{} 1",
        })
        {
            Assert.Contains(line + "\n", metrics, StringComparison.Ordinal);
        }
    }

    private sealed class UnknownLength(byte[] bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(bytes).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
