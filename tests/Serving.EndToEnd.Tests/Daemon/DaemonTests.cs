using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Daemon;

public sealed class DaemonTests
{
    private const string Question = "What is the capital of France?";

    [Fact]
    public async Task Start_WithoutArguments_ServesTheBundledModelAsTheScreenSays()
    {
        await using var daemon = await DaemonProcess.StartAsync();
        using var client = daemon.CreateClient();

        var answer = await AskAsync(client, "tiny-chat-5m");

        Assert.Contains("Paris", answer, StringComparison.Ordinal);
        foreach (var part in new[] { "Model      tiny-chat-5m", "Adapters   acme, french, json, pirate, shout, terse", "Pool ", "Device ", $"Address    {daemon.Address.GetLeftPart(UriPartial.Authority)}" })
        {
            Assert.Contains(part, daemon.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>The whole daemon on the emulated GPU; left to itself it does not take it.</summary>
    [Fact]
    public async Task Start_OnTheEmulatedGpu_AnswersAndAutoLeavesItAlone()
    {
        CudaEmulator.Require();
        var emulator = new Dictionary<string, string> { ["SERVING_CUDA_DRIVER"] = CudaEmulator.FilePath };
        await using (var daemon = await DaemonProcess.StartAsync(emulator, "--device", "cuda", "--max-num-batched-tokens", "256"))
        {
            using var client = daemon.CreateClient();
            Assert.Contains("Paris", await AskAsync(client, "tiny-chat-5m"), StringComparison.Ordinal);
            Assert.Matches("Device +cuda, sm_", daemon.Output);
        }

        await using var auto = await DaemonProcess.StartAsync(emulator);
        Assert.DoesNotMatch("Device +cuda", auto.Output);
    }

    [Fact]
    public async Task Start_Curl_FromTheScreenWorks()
    {
        Repository.Requires(File.Exists("/bin/sh") && File.Exists("/usr/bin/curl"), "curl is not here");
        await using var daemon = await DaemonProcess.StartAsync();
        string? line;
        while ((line = daemon.Output.Split('\n').FirstOrDefault(line => line.StartsWith("curl ", StringComparison.Ordinal))) is null)
        {
            await Task.Yield();
        }

        using var shell = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/bin/sh", ["-c", line]) { RedirectStandardOutput = true })!;
        var output = await shell.StandardOutput.ReadToEndAsync();

        Assert.Contains("Paris", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Terminate_WhileStreamsRun_LetsThemFinishAndExitsWith0()
    {
        Repository.RequiresHardware(!OperatingSystem.IsWindows(), "there is no SIGTERM on Windows");
        await using var daemon = await DaemonProcess.StartAsync();
        using var client = daemon.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new { prompt = "Once upon a time", max_tokens = 400, stream = true, ignore_eos = true }),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        daemon.Terminate();
        var text = await response.Content.ReadAsStringAsync();

        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact]
    public async Task Run_BadConfiguration_ReportsEverythingAndExitsWith78()
    {
        var (code, output) = await DaemonProcess.RunAsync("--prot", "1", "--threads", "many", "--host", "0.0.0.0");

        Assert.Equal(78, code);
        Assert.Contains("did you mean --port?", output, StringComparison.Ordinal);
        Assert.Contains("--threads: expected a whole number", output, StringComparison.Ordinal);
        Assert.Contains("without keys only loopback can be bound", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_CheckConfigAndVersion_EndAtOnce()
    {
        Assert.Equal(0, (await DaemonProcess.RunAsync("--check-config")).Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", (await DaemonProcess.RunAsync("--version")).Output);
    }

    [Fact]
    public async Task Run_ModelThatIsNotThere_SaysSoAndExitsWith1()
    {
        var (code, output) = await DaemonProcess.RunAsync("--port", "0", "--grpc-port", "0", "--model", "/nowhere/at/all");

        Assert.Equal(1, code);
        Assert.Contains("The model cannot be served", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_EveryAdapterAtOnce_AnswersInItsOwnManner()
    {
        await using var daemon = await DaemonProcess.StartAsync();
        using var client = daemon.CreateClient();
        string[] models = ["tiny-chat-5m", "pirate", "json", "shout", "terse", "acme"];

        var alone = new List<string>();
        foreach (var model in models)
        {
            alone.Add(await AskAsync(client, model));
        }

        var together = await Task.WhenAll(Enumerable.Range(0, 4).SelectMany(_ => models).Select(model => AskAsync(client, model)));

        Assert.Equal(Enumerable.Range(0, 4).SelectMany(_ => alone), together);
        Assert.Equal(models.Length, alone.Distinct().Count());
    }

    [Fact]
    public async Task Post_BadInputOfEveryKind_IsAClientErrorAndTheDaemonGoesOn()
    {
        await using var daemon = await DaemonProcess.StartAsync();
        using var client = daemon.CreateClient();
        var bodies = new (object Body, HttpStatusCode Status)[]
        {
            (new { model = "nobody", messages = Messages(Question) }, HttpStatusCode.NotFound),
            (new { messages = Array.Empty<object>() }, HttpStatusCode.BadRequest),
            (new { messages = Messages(string.Join(' ', Enumerable.Repeat("word", 5000))) }, HttpStatusCode.BadRequest),
            (new { messages = Messages(Question), max_tokens = -1 }, HttpStatusCode.BadRequest),
            (new { messages = Messages(Question), n = 1000 }, HttpStatusCode.BadRequest),
            (new { messages = Messages(Question), response_format = new { type = "yaml" } }, HttpStatusCode.BadRequest),
        };

        foreach (var (body, status) in bodies)
        {
            using var response = await client.PostAsJsonAsync("/v1/chat/completions", body);
            Assert.Equal(status, response.StatusCode);
        }

        Assert.Contains("Paris", await AskAsync(client, "tiny-chat-5m"), StringComparison.Ordinal);
    }

    internal static object[] Messages(string text) => [new { role = "user", content = text }];

    private static async Task<string> AskAsync(HttpClient client, string model)
    {
        using var response = await client.PostAsJsonAsync("/v1/chat/completions", new { model, messages = Messages(Question), temperature = 0, max_tokens = 64 });
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonDocument.Parse(body).RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
    }
}
