using System.Text;
using Serving.LoadTests.Commands;
using Serving.LoadTests.Reports;
using Serving.Testing;
using Spectre.Console;

namespace Serving.LoadTests.Tests.Running;

/// <summary>The whole program against a server in this process.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Run_ASmallTest_CountsEveryRequestAndTokenAndEndsWith0()
    {
        await using var daemon = await FakeDaemon.StartAsync();

        var (code, output, report) = await RunAsync(daemon, Closed("""{ "length": 9, "shared_tokens": 3 }""", copies: 3, requests: 20, "run.s.ok == 20", "run.s.wrong_lengths == 0", "errors == 0", "run.settled == 1", "server.steps == 20"));

        Assert.True(code == ExitCodes.Good, output);
        var metrics = Assert.Single(report!.Phases).Scenarios.Single().Metrics;
        Assert.Equal((20, 20.0, 20 * 12.0, 20 * 4.0, 20.0), (daemon.Requests, metrics["ok"], metrics["tokens_in"], metrics["tokens_out"], metrics["cached_tokens"]));
        Assert.Equal(["a", "b"], report.Phases[0].Scenarios[0].Models.Select(model => model.Name).Order());
        Assert.All(daemon.Bodies, body => Assert.Equal(daemon.Bodies[0].GetProperty("prompt").EnumerateArray().Take(3).Select(token => token.GetInt32()), body.GetProperty("prompt").EnumerateArray().Take(3).Select(token => token.GetInt32())));
        Assert.All(daemon.Bodies, body => Assert.True(body.GetProperty("ignore_eos").GetBoolean() && body.GetProperty("stream").GetBoolean()));
    }

    [Fact]
    public async Task Run_TheSameSeedTwice_SendsTheSameRequests()
    {
        await using var daemon = await FakeDaemon.StartAsync();
        var scenario = Closed("""{ "length": { "kind": "uniform", "min": 1, "below": 50 } }""", copies: 1, requests: 10);
        await RunAsync(daemon, scenario);
        await RunAsync(daemon, scenario);
        await RunAsync(daemon, scenario, "--seed", "7");

        var sent = daemon.Bodies.Select(body => body.GetRawText()).Chunk(10).ToArray();
        Assert.Equal(sent[0], sent[1]);
        Assert.NotEqual(sent[0], sent[2]);
    }

    [Fact]
    public async Task Run_RefusalsAndBrokenStreams_AreCountedByKindAndMissTheirThreshold()
    {
        await using var daemon = await FakeDaemon.StartAsync(number => number % 5 == 0 ? 429 : number % 5 == 1 ? 0 : 200);

        var (code, output, report) = await RunAsync(daemon, Closed("""{ "length": 4 }""", copies: 2, requests: 20, "errors == 0", "ok >= 1"));

        Assert.Equal(ExitCodes.Missed, code);
        Assert.Matches(@"(?m)^missed errors == 0  \(.*\)\s*$", output);
        Assert.Matches(@"(?m)^holds  ok >= 1  \(.*\)\s*$", output);
        Assert.Equal([new("connection", 4), new("http_429_full", 4)], report!.Phases[0].Scenarios[0].Errors);
        Assert.Equal(12, report.Phases[0].Scenarios[0].Metrics["ok"]);
        Assert.Equal([false, true], report.Thresholds.Select(threshold => threshold.Holds));
    }

    [Fact]
    public async Task Run_ClientsThatHangUp_CloseTheirConnections()
    {
        var gate = new TaskCompletionSource();
        await using var daemon = await FakeDaemon.StartAsync(gate: gate.Task);

        var (code, output, report) = await RunAsync(daemon, Closed("""{ "length": 4 }""", copies: 4, requests: 12).Replace("\"load\"", "\"client\": { \"kind\": \"hangs_up\", \"after_tokens\": 1 }, \"load\"", StringComparison.Ordinal));

        Assert.True(code == ExitCodes.Good, output);
        Assert.Equal((12.0, 0.0), (report!.Phases[0].Scenarios[0].Metrics["hung_up"], report.Phases[0].Scenarios[0].Metrics["errors"]));
        await Eventually.HoldsAsync(() => daemon.Aborted >= 12);
    }

    [Fact]
    public async Task Run_Interrupted_WritesAReportThatSaysSoAndEndsWith130()
    {
        var gate = new TaskCompletionSource();
        await using var daemon = await FakeDaemon.StartAsync(gate: gate.Task);
        using var interrupt = new CancellationTokenSource();
        var running = RunAsync(daemon, Closed("""{ "length": 4 }""", copies: 2, requests: 10, "ok == 10"), interrupt.Token);
        await Eventually.HoldsAsync(() => daemon.Requests >= 2 || running.IsCompleted);
        await interrupt.CancelAsync();
        var (code, output, report) = await running;

        Assert.Equal(ExitCodes.Interrupted, code);
        Assert.True(report!.Interrupted);
        Assert.Empty(report.Thresholds);
        Assert.Contains("interrupted", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ADaemonThatKeepsPages_IsSeen()
    {
        await using var daemon = await FakeDaemon.StartAsync(leakedPages: 3);
        var (code, _, report) = await RunAsync(daemon, Closed("""{ "length": 4 }""", copies: 1, requests: 1, "run.settled == 1", "run.pages_missing == 0"));
        Assert.Equal(ExitCodes.Missed, code);
        Assert.Equal(3, report!.Phases[0].Metrics["sequence_pages_left"]);
        Assert.All(report.Thresholds, threshold => Assert.False(threshold.Holds));
    }

    [Fact]
    public async Task Run_Rounds_AreEverySecondTimeBackwardsWithTheSameLengthsAndOtherTexts()
    {
        await using var daemon = await FakeDaemon.StartAsync();
        const string Scenario = """{ "prompt": { "length": { "kind": "uniform", "min": 1, "below": 1000 } }, "output": 2, "load": [{ "kind": "keep_constant", "copies": 1, "requests": 20 }] }""";
        const string Test = $$"""
            {
              "name": "t", "rounds": 3, "scenarios": { "x": {{Scenario}}, "y": {{Scenario}} }, "phases": [{ "name": "a", "run": ["x"] }, { "name": "b", "run": ["y"] }],
              "thresholds": ["a.ok == 2", "a.x.errors == 0", "a.tokens_in == 1 * b.tokens_in", "a.tokens_in < 1 * b.tokens_in"]
            }
            """;

        var (code, output, report) = await RunAsync(daemon, Test, "--time", "0.1");

        Assert.Equal([("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)], report!.Phases.Select(phase => (phase.Name, phase.Round)));
        var prompts = daemon.Bodies.Select(body => body.GetProperty("prompt").GetRawText()).Chunk(2).ToArray();
        Assert.Equal(daemon.Bodies.Take(2).Select(Length), daemon.Bodies.Skip(2).Take(2).Select(Length));
        Assert.Equal(6 * 2, prompts.SelectMany(pair => pair).Distinct().Count());
        Assert.Equal([true, true, true, false], report.Thresholds.Select(threshold => threshold.Holds));
        Assert.Equal(ExitCodes.Missed, code);
        Assert.Contains("b #3", output, StringComparison.Ordinal);

        static int Length(System.Text.Json.JsonElement body) => body.GetProperty("prompt").GetArrayLength();
    }

    /// <summary>A number must be kept every time: a median would hide the round with the errors.</summary>
    [Fact]
    public async Task Run_ANumberThatOneRoundBreaks_IsMissedThoughTheMedianKeepsIt()
    {
        await using var daemon = await FakeDaemon.StartAsync(number => number == 3 ? 429 : 200);
        var test = Closed("""{ "length": 4 }""", copies: 1, requests: 2, "errors == 0", "run.ok >= 0.9 * run.requests").Replace("\"name\": \"t\",", "\"name\": \"t\", \"rounds\": 3,", StringComparison.Ordinal);

        var (_, _, report) = await RunAsync(daemon, test);

        Assert.Equal([(1.0, false), (2.0, true)], report!.Thresholds.Select(threshold => (threshold.Value!.Value, threshold.Holds)));
    }

    /// <summary>Nothing is claimed of a pool that was never shown.</summary>
    [Fact]
    public async Task Run_ADaemonThatShowsNoPages_IsNotSaidToHaveSettled()
    {
        await using var daemon = await FakeDaemon.StartAsync(leakedPages: null);
        var (code, _, report) = await RunAsync(daemon, Closed("""{ "length": 4 }""", copies: 1, requests: 1, "ok == 1", "run.settled == 1", "run.pages_missing == 0"));
        Assert.Equal(ExitCodes.Missed, code);
        Assert.Equal([true, false, false], report!.Thresholds.Select(threshold => threshold.Holds));
        Assert.DoesNotContain(report.Phases[0].Metrics.Keys, name => name is "settled" or "sequence_pages_left" or "pages_missing");
    }

    [Fact]
    public async Task Run_WhatCannotBeRun_SaysWhyAndEndsWithItsCode()
    {
        await using var daemon = await FakeDaemon.StartAsync();
        var many = Closed("""{ "length": 4 }""", 1, 1).Replace("\"from\": \"adapters\"", "\"from\": \"adapters\", \"count\": 5", StringComparison.Ordinal);

        var tenants = Closed("""{ "length": 4 }""", 1, 1).Replace("{ \"s\":", "{ \"o\": { \"tenant\": \"other\", \"prompt\": { \"length\": 1 }, \"output\": 1, \"load\": [{ \"kind\": \"pause\", \"during\": 1 }] }, \"s\":", StringComparison.Ordinal);

        Ends(ExitCodes.Usage, "to the daemon they are one", await RunAsync(daemon, tenants, "--key", "one-for-all"));
        Ends(ExitCodes.Usage, "needs 5 adapters, and the daemon has 2", await RunAsync(daemon, many));
        Ends(ExitCodes.Usage, "name a scenario: disconnects, ", await InvokeAsync([]));
        Ends(ExitCodes.Usage, "did you mean smoke?", await InvokeAsync(["smok", "--url", daemon.Address.ToString()]));
        Ends(ExitCodes.Usage, "--url must be an address", await InvokeAsync(["smoke", "--url", "nowhere"]));
        Ends(ExitCodes.Usage, "--rate must be a number from", await InvokeAsync(["smoke", "--rate", "0"]));
        Ends(ExitCodes.Daemon, "cannot be reached", await InvokeAsync(["smoke", "--url", "http://127.0.0.1:1"]));
        Ends(ExitCodes.Usage, "is not known", await RunAsync(daemon, "{ \"nam\": 1 }"));
    }

    public void Dispose() => _folder.Dispose();

    private static string Closed(string prompt, int copies, int requests, params string[] thresholds) => $$"""
        {
          "name": "t",
          "scenarios": { "s": {
            "models": { "from": "adapters" }, "prompt": {{prompt}}, "output": 4,
            "load": [{ "kind": "keep_constant", "copies": {{copies}}, "requests": {{requests}} }] } },
          "thresholds": [{{string.Join(", ", thresholds.Select(threshold => $"\"{threshold}\""))}}]
        }
        """;

    private static void Ends(int code, string text, (int Code, string Output, LoadReport? Report) ended)
    {
        Assert.Equal(code, ended.Code);
        Assert.Contains(text, ended.Output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, LoadReport? Report)> InvokeAsync(string[] args, CancellationToken interrupt = default)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 1000;
        var code = await LoadTestCommand.InvokeAsync(args, console, interrupt);
        return (code, output.ToString(), null);
    }

    private Task<(int Code, string Output, LoadReport? Report)> RunAsync(FakeDaemon daemon, string scenario, params string[] more) => RunAsync(daemon, scenario, CancellationToken.None, more);

    private async Task<(int Code, string Output, LoadReport? Report)> RunAsync(FakeDaemon daemon, string scenario, CancellationToken interrupt, params string[] more)
    {
        var (file, reports) = (_folder.PathOf("scenario.json"), _folder.PathOf(Guid.NewGuid().ToString("N")));
        await File.WriteAllTextAsync(file, scenario, Encoding.UTF8, CancellationToken.None);
        var (code, output, _) = await InvokeAsync([file, "--url", daemon.Address.ToString(), "--report", reports, .. more], interrupt);
        Assert.True(!Directory.Exists(reports) || Directory.GetFiles(reports, "*.md").Length == 1);
        var json = Directory.Exists(reports) ? Directory.GetFiles(reports, "*.json").Single() : null;
        return (code, output, json is null ? null : ReportJson.Read(await File.ReadAllBytesAsync(json, CancellationToken.None), json));
    }
}
