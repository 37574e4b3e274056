using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>Many streams, clients that go away at any byte, and a pool that has everything back afterwards.</summary>
public sealed class DisconnectTests(ITestOutputHelper output)
{
    private static readonly string[] Models = ["tiny-chat-5m", "acme", "french", "json", "pirate", "shout", "terse"];

    [Fact]
    public async Task Disconnect_AThousandTimesAmong64Streams_GivesEveryPageBack()
    {
        const int Seed = 5;
        output.WriteLine($"seed={Seed}");
        await using var daemon = await DaemonProcess.StartAsync();
        using var client = daemon.CreateClient();

        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async worker =>
        {
            var random = new Random(Seed + worker);
            while (Interlocked.Increment(ref next) <= 1000)
            {
                await AbandonAsync(daemon.Address, Models[random.Next(Models.Length)], random);
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
        Assert.Equal(
            pool.GetProperty("total").GetInt32(),
            pool.GetProperty("free").GetInt32() + pool.GetProperty("cached").GetInt32() + pool.GetProperty("adapters").GetInt32());
        Assert.DoesNotContain("ERR", daemon.Output, StringComparison.Ordinal);
    }

    private static async Task AbandonAsync(Uri address, string model, Random random)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        var body = JsonSerializer.Serialize(new { model, messages = DaemonTests.Messages("Tell me a story."), stream = random.Next(4) > 0, max_tokens = 64, n = random.Next(1, 4) });
        var request = Encoding.UTF8.GetBytes($"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

        // Some go before their request is complete, some before the answer begins, the others anywhere in it.
        var sent = random.Next(8) == 0 ? random.Next(request.Length) : request.Length;
        await client.GetStream().WriteAsync(request.AsMemory(0, sent));
        if (sent == request.Length && random.Next(8) > 0)
        {
            var wanted = random.Next(1, 4000);
            await client.GetStream().ReadAtLeastAsync(new byte[wanted], wanted, throwOnEndOfStream: false);
        }

        client.LingerState = new LingerOption(enable: random.Next(2) == 0, 0);
    }
}
