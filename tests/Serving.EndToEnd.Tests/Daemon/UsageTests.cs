using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>The usage ledger of a daemon with many clients, some of which hang up: it says what they were told.</summary>
public sealed class UsageTests(ITestOutputHelper output) : IDisposable
{
    private const string Chat = "/v1/chat/completions";
    private const int MostRequests = 5000;
    private readonly TemporaryFolder _folder = new();

    private string Ledger => _folder.PathOf("usage.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Clients_ManyOfThemHangUp_TheLedgerSaysWhatTheyWereSent()
    {
        const int Seed = 11;
        const int Requests = 200;
        output.WriteLine($"seed={Seed}");
        Repository.RequiresHardware(!OperatingSystem.IsWindows(), "there is no SIGTERM on Windows");
        using var tenants = new TenantsFile(("one", "{}"), ("two", "{}"));
        var told = new Told[Requests];
        await using (var daemon = await DaemonProcess.StartAsync("--tenants", tenants.Path, "--usage-file", Ledger, "--usage-max-size", "8KiB"))
        {
            using var turns = new SemaphoreSlim(16);
            await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
            {
                await turns.WaitAsync();
                told[i] = await AskAsync(daemon, i, new Random(Seed + i));
                turns.Release();
            }));
            daemon.Terminate();
            Assert.Equal(0, await daemon.ExitAsync());
        }

        var files = Directory.GetFiles(_folder.Path, "usage.jsonl*");
        Assert.True(files.Length > 2, "The file was never renamed.");
        var records = files.SelectMany(File.ReadLines).Select(line => JsonDocument.Parse(line).RootElement).ToDictionary(record => record.GetProperty("id").GetString()!);
        Assert.All(told, one => Check(one, records));
        Assert.InRange(records.Count, told.Count(one => one.Accepted), Requests);
        Assert.Contains(told, one => one is { Accepted: true, Usage: null });
        await SumsAsync(files, records);
    }

    [Fact]
    public async Task HangUp_FileRenamed_IsOpenedAnew()
    {
        Repository.RequiresHardware(!OperatingSystem.IsWindows(), "there is no SIGHUP on Windows");
        await using var daemon = await DaemonProcess.StartAsync("--usage-file", Ledger);
        using var client = daemon.CreateClient();
        await CompleteAsync();
        await WaitForLinesAsync();
        File.Move(Ledger, Ledger + ".by-hand");

        daemon.HangUp();
        for (var requests = 0; !File.Exists(Ledger); requests++)
        {
            // Whoever starts the tests with the signal ignored, as nohup does, would wait for ever.
            Assert.True(requests < MostRequests, "the ledger was not opened anew: the daemon does not see SIGHUP");
            await CompleteAsync();
        }

        await WaitForLinesAsync();
        Assert.All(File.ReadAllLines(Ledger + ".by-hand"), line => Assert.Equal("anonymous", JsonDocument.Parse(line).RootElement.GetProperty("tenant").GetString()));

        async Task CompleteAsync() => (await client.PostAsJsonAsync("/v1/completions", new { model = "pirate", prompt = "x", max_tokens = 2 })).EnsureSuccessStatusCode().Dispose();

        async Task WaitForLinesAsync()
        {
            while (!File.Exists(Ledger) || new FileInfo(Ledger).Length == 0)
            {
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task Run_FolderOfTheLedgerIsNotThere_Exits78()
    {
        var (code, text) = await DaemonProcess.RunAsync("--check-config", "--usage-file", _folder.PathOf("nobody", "usage.jsonl"));

        Assert.Equal(78, code);
        Assert.Contains("usage.file: the folder of", text, StringComparison.Ordinal);
    }

    private static async Task<Told> AskAsync(DaemonProcess daemon, int number, Random random)
    {
        using var client = daemon.CreateClient(TenantsFile.KeyOf(number % 2 == 0 ? "one" : "two"));
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat);
        request.Headers.Add("x-request-id", $"r{number}");
        var stream = number % 4 != 0;
        request.Content = JsonContent.Create(new
        {
            model = new[] { "tiny-chat-5m", "pirate", "french" }[number % 3],
            messages = new[] { new { role = "user", content = "Tell me a story." } },
            max_tokens = 40,
            n = 1 + (number % 2),
            stream,
            ignore_eos = number % 5 == 0,
            stream_options = stream ? new { include_usage = true } : null,
        });
        using var gone = new CancellationTokenSource();
        if (number % 8 == 0)
        {
            gone.CancelAfter(random.Next(1, 60));
        }

        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gone.Token);
            response.EnsureSuccessStatusCode();
            return stream
                ? await ReadAsync(number, response, number % 4 == 1 ? random.Next(0, 20) : int.MaxValue)
                : new Told(number, true, UsageOf(JsonDocument.Parse(await response.Content.ReadAsStringAsync(gone.Token)).RootElement), 0);
        }
        catch (OperationCanceledException)
        {
            // It may have gone before it was let in.
            return new Told(number, false, null, 0);
        }
    }

    // Reads so many events and hangs up.
    private static async Task<Told> ReadAsync(int number, HttpResponseMessage response, int events)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var (seen, usage) = (0, (Usage?)null);
        while (seen < events && await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                var chunk = JsonDocument.Parse(line["data: ".Length..]).RootElement;
                usage = UsageOf(chunk) ?? usage;
                seen += chunk.GetProperty("choices").EnumerateArray().Count(choice => choice.GetProperty("delta").TryGetProperty("content", out var text) && text.GetString()!.Length > 0);
            }
        }

        return new Told(number, true, usage, seen);
    }

    private static Usage? UsageOf(JsonElement body) => body.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object
        ? new Usage(usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(), usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32())
        : null;

    private static void Check(Told told, Dictionary<string, JsonElement> records)
    {
        if (!records.TryGetValue($"r{told.Number}", out var record))
        {
            Assert.False(told.Accepted);
            return;
        }

        var written = new Usage(Number("prompt_tokens"), Number("completion_tokens"), Number("cached_tokens"));
        Assert.Equal(told.Number % 2 == 0 ? "one" : "two", record.GetProperty("tenant").GetString());
        Assert.Equal(told.Number % 3 != 0, record.TryGetProperty("adapter", out _));
        if (told.Usage is { } usage)
        {
            Assert.Equal((usage, "completed"), (written, record.GetProperty("outcome").GetString()));
        }
        else if (told.Accepted)
        {
            // It may have been sent more than it read; every event has a token at least.
            Assert.InRange(written.Completion, told.Seen, 40 * (1 + (told.Number % 2)));
        }
        else if (record.GetProperty("outcome").GetString() != "completed")
        {
            Assert.Equal(0, written.Completion);
        }

        int Number(string name) => record.GetProperty(name).GetInt32();
    }

    private static async Task SumsAsync(string[] files, Dictionary<string, JsonElement> records)
    {
        var (code, text) = await DaemonProcess.RunAsync(["usage", "--by", "all", "--json", .. files]);
        Assert.Equal(0, code);
        var sums = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(6, sums.Count);
        foreach (var field in new[] { "prompt_tokens", "cached_tokens", "completion_tokens" })
        {
            Assert.Equal(records.Values.Sum(record => record.GetProperty(field).GetInt64()), sums.Sum(sum => sum.GetProperty(field).GetInt64()));
        }

        var (_, table) = await DaemonProcess.RunAsync(["usage", .. files]);
        Assert.Equal(sums.Sum(sum => sum.GetProperty("requests").GetInt64()), table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Sum(row => long.Parse(row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], CultureInfo.InvariantCulture)));
    }

    private readonly record struct Usage(int Prompt, int Completion, int Cached);

    private sealed record Told(int Number, bool Accepted, Usage? Usage, int Seen);
}
