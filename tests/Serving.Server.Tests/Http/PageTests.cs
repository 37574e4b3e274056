using System.Text.RegularExpressions;
using Serving.Engine.Telemetry;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed partial class PageTests
{
    [Fact]
    public async Task Get_Page_LoadsNothingFromElsewhere()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var page = await daemon.GetAsync("/");

        Assert.Equal("text/html", page.Response.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'none'", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        foreach (Match reference in Reference().Matches(page.Text))
        {
            Assert.StartsWith("/", reference.Groups[1].Value, StringComparison.Ordinal);
            Assert.Equal(200, (await daemon.GetAsync(reference.Groups[1].Value)).Code);
        }
    }

    [Fact]
    public async Task Get_Status_ShowsATenantItsOwnAdaptersAndNoOthers()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Adapters.Add(("mine", "one"));
        daemon.Engine.Adapters.Add(("secret", "two"));
        daemon.Engine.Snapshot = new EngineSnapshot
        {
            Running = 1,
            TotalPages = 100,
            Adapters = [new AdapterStatus("one/mine", "x", "resident", 3, 1, 0, 16), new AdapterStatus("two/secret", "y", "resident", 3, 1, 0, 16)],
        };

        var status = await daemon.GetAsync("/v1/status", "key-one");

        Assert.DoesNotContain("secret", status.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("/place", status.Text, StringComparison.Ordinal);
        var mine = status.Json.GetProperty("adapters").EnumerateArray().Single(adapter => adapter.GetProperty("name").GetString() == "mine");
        Assert.Equal("""{"name":"mine","shared":false,"state":"resident","pages":3,"running":1,"rank":16}""", mine.GetRawText());
    }

    [Fact]
    public async Task Get_Status_NamesWhatEveryPageHolds()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Snapshot = new EngineSnapshot { TotalPages = 100, FreePages = 50, SequencePages = 20, CachedPages = 13, AdapterPages = 10, ModulePages = 7 };

        var pool = (await daemon.GetAsync("/v1/status")).Json.GetProperty("pool");

        var parts = new[] { "free", "sequences", "cached", "adapters", "modules" }.Select(part => pool.GetProperty(part).GetInt32());
        Assert.Equal([50, 20, 13, 10, 7], parts);
        Assert.Equal(pool.GetProperty("total").GetInt32(), parts.Sum());
    }

    [Fact]
    public async Task Get_OpenApi_DescribesEveryRouteOfTheApi()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var document = (await daemon.GetAsync("/openapi/v1.json")).Json;

        var paths = document.GetProperty("paths");
        foreach (var path in new[] { "/v1/models", "/v1/models/{id}", "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/completions", "/tokenize", "/detokenize", "/v1/load_lora_adapter", "/v1/unload_lora_adapter" })
        {
            Assert.True(paths.TryGetProperty(path, out _), path);
        }

        var chat = document.GetProperty("components").GetProperty("schemas").GetProperty("ChatCompletionRequest").GetProperty("properties");
        Assert.Equal("""["null","integer"]""", string.Concat(chat.GetProperty("max_completion_tokens").GetProperty("type").GetRawText().Where(c => !char.IsWhiteSpace(c))));
        foreach (var path in paths.EnumerateObject())
        {
            var names = Variable().Matches(path.Name).Select(match => match.Groups[1].Value);
            var described = path.Value.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray().Where(part => part.GetProperty("in").GetString() == "path") : [];
            Assert.Equal(names, described.Select(part => part.GetProperty("name").GetString()));
            Assert.All(described, part => Assert.True(part.GetProperty("required").GetBoolean()));
        }
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Variable();

    [GeneratedRegex("(?:src|href)=\"([^\"]+)\"")]
    private static partial Regex Reference();
}
