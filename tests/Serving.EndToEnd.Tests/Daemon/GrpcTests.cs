using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Serving.Protocol.V1;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Daemon;

public sealed class GrpcTests(ITestOutputHelper output)
{
    private const string GenerateStream = "serving.v1.InferenceService/GenerateStream";

    [Fact]
    public async Task Terminate_WhileACallRuns_LetsItFinishAndExitsWith0()
    {
        Repository.RequiresHardware(!OperatingSystem.IsWindows(), "there is no SIGTERM on Windows");
        await using var daemon = await DaemonProcess.StartAsync();
        using var calls = new GrpcCalls(daemon.GrpcAddress);
        using var response = await calls.BeginAsync(GenerateStream, new GenerateRequest { Text = "Once upon a time", MaxTokens = 400, IgnoreEos = true }, CancellationToken.None);

        daemon.Terminate();
        var body = await response.Content.ReadAsByteArrayAsync();

        Assert.True(body.Length > 400);
        Assert.Equal("0", Assert.Single(response.TrailingHeaders.GetValues("grpc-status")));
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact]
    public async Task Run_GrpcsPortIsTaken_SaysWhichAndExitsWith1()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var (code, text) = await DaemonProcess.RunAsync("--port", "0", "--grpc-port", $"{port}");

        Assert.Equal(1, code);
        Assert.Contains($"127.0.0.1:{port}", text, StringComparison.Ordinal);
        Assert.Contains("--grpc-port", text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
    }

    /// <summary>Calls that are given up at any moment, many on one connection, and a pool that has everything back afterwards.</summary>
    [Fact]
    public async Task Cancel_HundredsAmong32Calls_GivesEveryPageBack()
    {
        const int Seed = 9;
        output.WriteLine($"seed={Seed}");
        await using var daemon = await DaemonProcess.StartAsync();
        using var calls = new GrpcCalls(daemon.GrpcAddress);
        using var client = daemon.CreateClient();
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async worker =>
        {
            var random = new Random(Seed + worker);
            while (Interlocked.Increment(ref next) <= 500)
            {
                await AbandonAsync(calls, random);
            }
        }));

        JsonElement status;
        do
        {
            status = await daemon.StatusAsync(client);
        }
        while (status.GetProperty("running").GetInt32() + status.GetProperty("waiting").GetInt32() > 0);

        var pool = status.GetProperty("pool");
        Assert.Equal(0, pool.GetProperty("sequences").GetInt32());
        Assert.Equal(pool.GetProperty("total").GetInt32(), pool.GetProperty("free").GetInt32() + pool.GetProperty("cached").GetInt32() + pool.GetProperty("adapters").GetInt32());
        Assert.False(daemon.Output.Contains("ERR", StringComparison.Ordinal), daemon.Output);
    }

    // Some before the answer begins, the others anywhere in it.
    private static async Task AbandonAsync(GrpcCalls calls, Random random)
    {
        using var stop = new CancellationTokenSource();
        var call = calls.BeginAsync(GenerateStream, new GenerateRequest { Model = random.Next(2) == 0 ? "pirate" : "", Text = "Tell me a story.", MaxTokens = 64, N = random.Next(1, 4) }, stop.Token);
        if (random.Next(4) == 0)
        {
            await stop.CancelAsync();
        }

        try
        {
            using var response = await call;
            var wanted = random.Next(1, 2000);
            await (await response.Content.ReadAsStreamAsync(CancellationToken.None)).ReadAtLeastAsync(new byte[wanted], wanted, throwOnEndOfStream: false, CancellationToken.None);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Given up.
        }
    }
}
