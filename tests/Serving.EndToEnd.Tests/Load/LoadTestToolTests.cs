using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Serving.EndToEnd.Tests.Daemon;
using Serving.EndToEnd.Tests.Deployment;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Load;

/// <summary>
/// The load generator and the daemon, both as processes: what a user types, the report that is written, the code that it ends with. What took how long is nobody's business here: a machine
/// that is too busy for an open loop is said to be so (3), and everything else must hold.
/// </summary>
public sealed class LoadTestToolTests(SharedDaemon daemon) : IClassFixture<SharedDaemon>, IDisposable
{
    private const int Good = 0;
    private const int Missed = 1;
    private const int Usage = 2;
    private const int Busy = 3;
    private const int NoDaemon = 4;

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Smoke_AgainstTheDaemon_KeepsItsThresholds()
    {
        var (code, output) = await RunAsync("smoke", "--time", "0.3");
        Assert.True(code is Good or Busy, output);

        var report = Report();
        Assert.Equal(("serving.loadtest/1", "smoke", "tiny-chat-5m"), (Text(report, "schema"), Text(report, "test"), Text(report, "model")));
        AllHold(report, output);
        var phase = report.GetProperty("phases")[0];
        var adapters = Scenario(phase, "adapters");
        Assert.Equal((30.0, 30 * 16.0, 30 * 80.0), (Metric(adapters, "ok"), Metric(adapters, "tokens_out"), Metric(adapters, "tokens_in")));
        Assert.Equal(["acme", "french", "json", "pirate", "shout", "terse"], adapters.GetProperty("models").EnumerateArray().Select(model => Text(model, "name")).Order(StringComparer.Ordinal));
        Assert.True(Metric(Scenario(phase, "base"), "ok") > 0, output);
        Assert.True(phase.GetProperty("server").GetProperty("generation_tokens").GetDouble() >= 30 * 16, output);
    }

    [Fact]
    public async Task Disconnects_AgainstTheDaemon_LeaveNothingBehind()
    {
        var (code, output) = await RunAsync("disconnects", "--time", "0.2");
        Assert.True(code is Good or Busy, output);

        var report = Report();
        AllHold(report, output);
        var leaving = Scenario(report.GetProperty("phases")[0], "leaving");
        Assert.True(Metric(leaving, "hung_up") > 0, output);
        Assert.Equal(Metric(leaving, "requests"), Metric(leaving, "hung_up") + Metric(leaving, "ok"));
    }

    /// <summary>The scenarios that need nothing but the daemon, or a trace, or keys. That they hold what they say about times is for a quiet machine; that they run and lose nothing holds on any.</summary>
    [Theory]
    [InlineData("modules", "0.02")]
    [InlineData("shared-prefix", "0.02")]
    [InlineData("soak", "0.02")]
    [InlineData("noisy-neighbour", "0.03")]
    [InlineData("replay-azure", "0.02", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:46.99,4000,109")]
    [InlineData("replay-mooncake", "0.02", """{"timestamp": 0, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}""" + "\n" + """{"timestamp": 900, "input_length": 9000, "output_length": 99, "hash_ids": [46, 47]}""")]
    public async Task AScenario_OfTheProgram_RunsAndLosesNothing(string scenario, string time, string? trace = null)
    {
        await File.WriteAllTextAsync(_folder.PathOf("trace"), trace ?? "");
        await File.WriteAllTextAsync(_folder.PathOf("tenants.json"), $$"""
            { "tenants": [{ "id": "quiet", "role": "tenant", "weight": 1, "keys": ["{{Digest("quiet-key")}}"] }, { "id": "flood", "role": "tenant", "weight": 1, "keys": ["{{Digest("flood-key")}}"] }] }
            """);
        await using var other = await DaemonProcess.StartAsync("--tenants", _folder.PathOf("tenants.json"));

        var (code, output) = await ToolAsync(
            scenario, "--time", time, "--trace", _folder.PathOf("trace"), "--url", other.Address.ToString(), "--key", "quiet=quiet-key", "--key", "flood-key", "--report", _folder.PathOf("reports"));

        Assert.True(code is Good or Missed or Busy, output);
        var report = Report();
        var thresholds = report.GetProperty("thresholds").EnumerateArray().ToLookup(threshold => Text(threshold, "text").EndsWith("errors == 0", StringComparison.Ordinal)
            || Text(threshold, "text").EndsWith("wrong_lengths == 0", StringComparison.Ordinal)
            || Text(threshold, "text").EndsWith("settled == 1", StringComparison.Ordinal)
            || Text(threshold, "text").EndsWith("pages_missing == 0", StringComparison.Ordinal));
        Assert.True(thresholds[true].Count() >= 3, output);
        Assert.All(thresholds[true], threshold => Assert.True(threshold.GetProperty("holds").GetBoolean(), output));
        Assert.All(thresholds[false], threshold => Assert.True(threshold.GetProperty("value").ValueKind == JsonValueKind.Number || Text(threshold, "text").Contains("memory_growth", StringComparison.Ordinal), output));
    }

    [Fact]
    public async Task AClosedLoop_OfAdaptersAndModules_EndsWith0AndWith1WhereAThresholdIsMissed()
    {
        const string Prompt = """{ "length": 6, "modules": { "count": 3, "words": 20, "import": 2 } }""";
        var (code, output) = await RunAsync(Closed(Prompt, "errors == 0", "run.settled == 1", "run.pages_missing == 0", "cached_share > 0.3", "server.module_hits > 0", "tokens_out == 72"));
        Assert.True(code == Good, output);
        AllHold(Report(), output);

        (code, output) = await RunAsync(Closed(Prompt, "errors == 0", "tokens_out == 73"));
        Assert.True(code == Missed, output);
        Assert.Contains("missed tokens_out == 73  (72 for 73)", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Adapters_WrittenByTheTool_AreServedByTheDaemon()
    {
        var (code, output) = await ToolAsync("adapters", "--count", "12", "--rank", "8,24", "--targets", "all", "--out", _folder.PathOf("adapters"));
        Assert.True(code == Good, output);
        await using var other = await DaemonProcess.StartAsync("--adapters", _folder.PathOf("adapters"));

        var scenario = Closed("""{ "length": 6 }""", "errors == 0", "wrong_lengths == 0", "models == 12", "server.adapter_loads == 12", "run.settled == 1");
        await File.WriteAllTextAsync(scenario, (await File.ReadAllTextAsync(scenario)).Replace("\"uniform\"", "\"distinct\"", StringComparison.Ordinal));
        (code, output) = await ToolAsync(scenario, "--url", other.Address.ToString());
        Assert.True(code == Good, output);

        // Thirteen requests of Distinct ask thirteen adapters.
        (code, output) = await ToolAsync("punica", "--time", "0.05", "--url", other.Address.ToString());
        Assert.True(code == Usage, output);
        Assert.Contains("13 requests of popularity distinct ask 13 models, and there are 12", output, StringComparison.Ordinal);
        (code, output) = await ToolAsync("punica", "--time", "0.04", "--url", other.Address.ToString());
        Assert.True(code is Good or Missed, output);
        Assert.Contains("holds  distinct.errors == 0", output, StringComparison.Ordinal);
        Assert.Contains("holds  distinct.pages_missing == 0", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WithoutADaemonOrItsKey_EndsWith4AndSaysWhy()
    {
        var (code, output) = await ToolAsync("smoke", "--url", daemon.Process.Address.ToString(), "--key", "wrong");
        Assert.Equal(NoDaemon, code);
        Assert.Contains("/v1/models answers 401", output, StringComparison.Ordinal);

        Uri gone;
        await using (var other = await DaemonProcess.StartAsync())
        {
            gone = other.Address;
        }

        (code, output) = await ToolAsync("smoke", "--url", gone.ToString());
        Assert.Equal(NoDaemon, code);
        Assert.Contains("/v1/models cannot be reached", output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Digest(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static Task<(int Code, string Output)> ToolAsync(params string[] args) =>
        Tool.RunAsync("dotnet", AppContext.BaseDirectory, [Path.Combine(AppContext.BaseDirectory, "Serving.LoadTests.dll"), .. args]);

    private static JsonElement Scenario(JsonElement phase, string name) => phase.GetProperty("scenarios").EnumerateArray().Single(scenario => Text(scenario, "name") == name);

    private static double Metric(JsonElement scenario, string name) => scenario.GetProperty("metrics").GetProperty(name).GetDouble();

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static void AllHold(JsonElement report, string output)
    {
        Assert.NotEqual(0, report.GetProperty("thresholds").GetArrayLength());
        Assert.All(report.GetProperty("thresholds").EnumerateArray(), threshold => Assert.True(threshold.GetProperty("holds").GetBoolean(), output));
    }

    private Task<(int Code, string Output)> RunAsync(params string[] args) =>
        ToolAsync([.. args, "--url", daemon.Process.Address.ToString(), "--key", SharedDaemon.Key, "--report", _folder.PathOf("reports")]);

    private JsonElement Report() => JsonDocument.Parse(File.ReadAllBytes(Directory.GetFiles(_folder.PathOf("reports"), "*.json").Single())).RootElement;

    private string Closed(string prompt, params string[] thresholds)
    {
        var path = _folder.PathOf("scenario.json");
        File.WriteAllText(path, $$"""
            {
              "name": "t",
              "scenarios": { "s": {
                "models": { "from": "adapters", "popularity": "uniform" }, "prompt": {{prompt}}, "output": 6, "load": [{ "kind": "keep_constant", "copies": 3, "requests": 12 }] } },
              "thresholds": [{{string.Join(", ", thresholds.Select(threshold => $"\"{threshold}\""))}}]
            }
            """);
        return path;
    }
}
