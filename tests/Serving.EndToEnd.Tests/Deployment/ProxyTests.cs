using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The samples of deploy/proxies: understood by their programs, and HAProxy's before two daemons.</summary>
public sealed partial class ProxyTests
{
    private static readonly string Folder = Repository.PathOf("deploy", "proxies");

    [Fact]
    public async Task Check_BothSamples_AreUnderstood()
    {
        var (haproxy, nginx) = (Tool.Require("haproxy"), Tool.Require("nginx"));
        using var folder = new TemporaryFolder();

        var (code, output) = await Tool.RunAsync(haproxy, Folder, "-c", "-f", "haproxy.cfg");
        Assert.True(code == 0, output);
        (code, output) = await Tool.RunAsync(nginx, Folder, "-t", "-c", Path.Combine(Folder, "nginx.conf"), "-g", $"pid {folder.PathOf("pid")};");
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task Haproxy_BeforeTwoDaemons_KeepsAnAdapterOnOneAndLosesNothingWhenItDrains()
    {
        var haproxy = Tool.Require("haproxy");
        await using var first = await DaemonProcess.StartAsync();
        await using var second = await DaemonProcess.StartAsync();
        using var folder = new TemporaryFolder();
        var port = FreePort();
        var text = await File.ReadAllTextAsync(Path.Combine(Folder, "haproxy.cfg"), TestContext.Current.CancellationToken);
        text = text.Replace(":8080", $":{port}", StringComparison.Ordinal).Replace(":8101", $":{first.Address.Port}", StringComparison.Ordinal).Replace(":8102", $":{second.Address.Port}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.PathOf("haproxy.cfg"), text, TestContext.Current.CancellationToken);
        using var proxy = Process.Start(haproxy, ["-db", "-f", folder.PathOf("haproxy.cfg")]);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            await UntilAsync(async () => proxy.HasExited || (await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK);
            Assert.False(proxy.HasExited);
            for (var i = 0; i < 6; i++)
            {
                await AskAsync(client, "pirate", 1);
            }

            // The pages may be as old as 50 ms.
            var counts = (First: 0, Second: 0);
            await UntilAsync(async () => (counts = (await CountAsync(first), await CountAsync(second))) is var (a, b) && a + b == 6);
            Assert.True(counts is (6, 0) or (0, 6), $"{counts}");

            var (busy, other) = counts.First > 0 ? (first, second) : (second, first);
            var running = AskAsync(client, "pirate", 400);
            using var direct = busy.CreateClient();
            await UntilAsync(async () => (await busy.StatusAsync(direct)).GetProperty("running").GetInt32() > 0 || running.IsCompleted);
            busy.Terminate();
            for (var i = 0; i < 6; i++)
            {
                await AskAsync(client, "pirate", 1);
            }

            await running;
            Assert.Equal(0, await busy.ExitAsync());
            await UntilAsync(async () => await CountAsync(other) > 0);
        }
        finally
        {
            proxy.Kill();
            await proxy.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task AskAsync(HttpClient client, string model, int tokens)
    {
        // The model stands last, as some clients write it.
        using var answer = await client.PostAsJsonAsync("/v1/completions", new { prompt = "Once upon a time", max_tokens = tokens, ignore_eos = true, model });
        Assert.True(answer.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
    }

    private static async Task<int> CountAsync(DaemonProcess daemon)
    {
        using var client = daemon.CreateClient();
        var match = Answered().Match(await client.GetStringAsync("/metrics"));
        return match.Success ? int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>What never comes fails the test instead of hanging it.</summary>
    private static async Task UntilAsync(Func<Task<bool>> reached)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1), "what was waited for did not come");
            try
            {
                if (await reached())
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex("http_requests_total\\{handler=\"/v1/completions\",method=\"POST\",status=\"200\"\\} ([0-9]+)")]
    private static partial Regex Answered();
}
