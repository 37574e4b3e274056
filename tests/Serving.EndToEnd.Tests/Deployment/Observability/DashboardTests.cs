using System.Text.Json;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment.Observability;

/// <summary>The dashboards are what Grafana reads, and every panel asks for series that the daemon shows.</summary>
public sealed class DashboardTests(EmittedMetrics emitted) : IClassFixture<EmittedMetrics>
{
    private static readonly string Folder = Repository.PathOf("deploy", "grafana");

    public static TheoryData<string> Names() => [.. Directory.EnumerateFiles(Folder, "*.json").Select(Path.GetFileNameWithoutExtension).Select(name => name!).Order()];

    [Fact]
    public void Folder_HoldsTheDashboards() => Assert.Equal(["serving-memory", "serving-overview", "serving-tenants"], Names().Select(row => row.Data));

    [Theory]
    [MemberData(nameof(Names))]
    public void Panels_OfADashboard_AskForWhatIsEmitted(string name)
    {
        var dashboard = Read(name);
        var variables = dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().ToDictionary(item => item.GetProperty("name").GetString()!);

        Assert.All(Queries(dashboard), query => Assert.Empty(emitted.Missing(query.Replace("=~\"$instance\"", "=~\".*\"", StringComparison.Ordinal), AlertRules.Recorded)));
        Assert.Equal(["datasource", "instance"], variables.Keys.Order());
        var asked = variables["instance"].GetProperty("definition").GetString()!;
        Assert.Empty(emitted.Missing(asked["label_values(".Length..asked.IndexOf(',', StringComparison.Ordinal)], AlertRules.Recorded));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Panels_OfADashboard_AreOfTheChosenSourceAndDoNotOverlap(string name)
    {
        var dashboard = Read(name);
        var taken = new HashSet<(int X, int Y)>();
        foreach (var panel in dashboard.GetProperty("panels").EnumerateArray())
        {
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.NotEmpty(panel.GetProperty("description").GetString()!);
            Assert.Equal("${datasource}", panel.GetProperty("datasource").GetProperty("uid").GetString());
            var at = panel.GetProperty("gridPos");
            var (x, y, width, height) = (at.GetProperty("x").GetInt32(), at.GetProperty("y").GetInt32(), at.GetProperty("w").GetInt32(), at.GetProperty("h").GetInt32());
            Assert.InRange(x + width, 1, 24);
            Assert.All(Enumerable.Range(0, width * height), cell => Assert.True(taken.Add((x + (cell % width), y + (cell / width)))));
        }

        Assert.Equal(name, dashboard.GetProperty("uid").GetString());
        var ids = dashboard.GetProperty("panels").EnumerateArray().Select(panel => panel.GetProperty("id").GetInt32()).ToList();
        Assert.Equal(ids.Distinct(), ids);
    }

    [Fact]
    public async Task Promtool_EveryQuery_IsPromQl()
    {
        var promtool = Tool.Require("promtool");
        var queries = Names().SelectMany(name => Queries(Read(name.Data))).Distinct().ToList();
        using var folder = new TemporaryFolder();
        var rules = queries.Select((query, i) => $"  - record: panel:{i}\n    expr: {JsonSerializer.Serialize(query.Replace("$__rate_interval", "5m", StringComparison.Ordinal))}\n");
        await File.WriteAllTextAsync(folder.PathOf("rules.yml"), $"groups:\n- name: panels\n  rules:\n{string.Concat(rules)}");

        var (code, output) = await Tool.RunAsync(promtool, folder.Path, "check", "rules", "rules.yml");

        Assert.True(code == 0, output);
        Assert.Contains($"{queries.Count} rules found", output, StringComparison.Ordinal);
    }

    private static JsonElement Read(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, $"{name}.json"))).RootElement;

    private static IEnumerable<string> Queries(JsonElement dashboard) =>
        from panel in dashboard.GetProperty("panels").EnumerateArray()
        from target in panel.GetProperty("targets").EnumerateArray()
        select target.GetProperty("expr").GetString()!;
}
