using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Hosting;

public sealed class StartScreenTests
{
    [Fact]
    public async Task Ready_NotATerminal_PrintsPlainLinesAndACurlThatNamesTheAddress()
    {
        await using var daemon = await TestDaemon.StartAsync();
        while (!daemon.Screen.Contains("curl", StringComparison.Ordinal))
        {
            await Task.Yield();
        }

        Assert.Contains("Model      base", daemon.Screen, StringComparison.Ordinal);
        Assert.Contains("Weights    GPTQ, 4-bit integers in groups of 128 in the checkpoint, kept as bf16 (--quantization int8 or int4 takes less memory)", daemon.Screen, StringComparison.Ordinal);
        Assert.Contains("Device     fake, none, 1 threads", daemon.Screen, StringComparison.Ordinal);
        Assert.Contains("json, pirate", daemon.Screen, StringComparison.Ordinal);
        Assert.Contains($"curl -s {daemon.Client.BaseAddress}v1/chat/completions", daemon.Screen, StringComparison.Ordinal);
        Assert.Contains($"gRPC       {daemon.GrpcAddress.Authority} (HTTP/2 without TLS)", daemon.Screen, StringComparison.Ordinal);
        Assert.DoesNotContain("/secret/place", daemon.Screen, StringComparison.Ordinal);
    }
}
