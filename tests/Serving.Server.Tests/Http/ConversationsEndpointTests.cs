using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Conversations, which responses go on from and add to.</summary>
public sealed class ConversationsEndpointTests
{
    private const string Path = "/v1/conversations";
    private const string Responses = "/v1/responses";

    [Fact]
    public async Task Post_AndGet_AreAsOpenAiHasThem()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var created = await daemon.PostAsync(Path, """{"metadata":{"a":"b"},"items":[{"role":"user","content":"hi"},{"type":"message","role":"assistant","content":"ho","id":"mine"}]}""");

        Assert.Equal(200, created.Code);
        var id = Text(created.Json, "id");
        Assert.Matches("^conv_[0-9a-f]{48}\\z", id);
        Assert.Equal(("conversation", """{"a":"b"}"""), (Text(created.Json, "object"), created.Json.GetProperty("metadata").GetRawText()));
        Assert.Equal(created.Text, (await daemon.GetAsync($"{Path}/{id}")).Text);
        Assert.Matches("\nserving_response_store_bytes\\{\\} [1-9]", (await daemon.GetAsync("/metrics")).Text);
        var items = (await daemon.GetAsync($"{Path}/{id}/items")).Json;
        Assert.Equal(("list", "mine", false), (Text(items, "object"), Text(items, "first_id"), items.GetProperty("has_more").GetBoolean()));
        Assert.Equal("""{"type":"message","id":"mine","status":"completed","role":"assistant","content":[{"type":"output_text","text":"ho","annotations":[]}]}""", items.GetProperty("data")[0].GetRawText());
        Assert.Matches("""^\{"type":"message","id":"msg_[0-9a-f]{32}","status":"completed","role":"user","content":\[\{"type":"input_text","text":"hi"\}\]\}\z""", items.GetProperty("data")[1].GetRawText());

        var changed = await daemon.PostAsync($"{Path}/{id}", """{"metadata":{"c":"d"}}""");
        Assert.Equal("""{"c":"d"}""", changed.Json.GetProperty("metadata").GetRawText());
        Assert.Equal(2, (await ItemsAsync(daemon, id)).Count);
        Assert.Equal($$"""{"id":"{{id}}","object":"conversation.deleted","deleted":true}""", (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}")).Text);
        Assert.Equal((404, 404, 404), ((await daemon.GetAsync($"{Path}/{id}")).Code, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}")).Code, (await daemon.GetAsync($"{Path}/{id}/items")).Code));
    }

    [Theory]
    [InlineData(false, "\"conversation\":\"ID\"")]
    [InlineData(true, "\"conversation\":{\"id\":\"ID\"}")]
    [InlineData(false, "\"conversation\":\"ID\",\"store\":false")]
    public async Task PostResponse_OfAConversation_GoesOnFromItAndAddsToIt(bool stream, string fields)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, """{"items":[{"role":"user","content":"I am Omar."}]}""")).Json, "id");
        fields = fields.Replace("ID", id, StringComparison.Ordinal);

        var first = await AskAsync(daemon, $"{fields},\"instructions\":\"Be brief.\",\"input\":\"Who?\"", stream);
        await AskAsync(daemon, $"{fields},\"input\":[{{\"role\":\"user\",\"content\":\"Sure?\"}}]", stream);

        Assert.Equal(id, Text(first.GetProperty("conversation"), "id"));
        Assert.Equal(
            """[{"role":"user","content":"I am Omar."},{"role":"user","content":"Who?"},{"role":"assistant","content":"Hello world"},{"role":"user","content":"Sure?"}]""",
            ((ChatPrompt)daemon.Engine.Requests.Last().Request.Prompt).Messages.GetRawText());
        var items = await ItemsAsync(daemon, id);
        Assert.Equal(["user", "user", "assistant", "user", "assistant"], items.Select(item => Text(item, "role")));
        Assert.Equal(Text(first.GetProperty("output")[0], "id"), Text(items[2], "id"));
        Assert.Equal(fields.Contains("false", StringComparison.Ordinal) ? 404 : 200, (await daemon.GetAsync($"{Responses}/{Text(first, "id")}")).Code);
    }

    [Fact]
    public async Task PostResponse_BesideAnItemThatIsTakenOut_IsWithoutIt()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, """{"items":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}""")).Json, "id");
        var item = Text((await ItemsAsync(daemon, id))[0], "id");

        Assert.Equal("a", (await daemon.GetAsync($"{Path}/{id}/items/{item}")).Json.GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(id, Text((await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}/items/{item}")).Json, "id"));
        Assert.Equal((404, 404), ((await daemon.GetAsync($"{Path}/{id}/items/{item}")).Code, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}/items/{item}")).Code));
        var reference = Text((await ItemsAsync(daemon, id))[0], "id");
        await AskAsync(daemon, $"\"conversation\":\"{id}\",\"input\":[{{\"type\":\"item_reference\",\"id\":\"{reference}\"}}]");

        Assert.Equal("""[{"role":"user","content":"b"},{"role":"user","content":"b"}]""", ((ChatPrompt)daemon.Engine.Requests.Last().Request.Prompt).Messages.GetRawText());
        Assert.Equal(3, (await ItemsAsync(daemon, id)).Select(kept => Text(kept, "id")).Distinct().Count());
    }

    [Fact]
    public async Task Items_AreAddedAndListedInPages()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");
        Assert.Equal("""{"data":[],"first_id":null,"last_id":null,"has_more":false,"object":"list"}""", (await daemon.GetAsync($"{Path}/{id}/items")).Text);
        foreach (var (from, count) in new[] { (0, 20), (20, 10) })
        {
            var added = await daemon.PostAsync($"{Path}/{id}/items", $"{{\"items\":[{string.Join(',', Enumerable.Range(from, count).Select(i => $"{{\"role\":\"user\",\"content\":\"t{i}\",\"id\":\"i{i}\"}}"))}]}}");
            Assert.Equal(Enumerable.Range(from, count).Select(i => $"i{i}"), Ids(added.Json));
        }

        var latest = (await daemon.GetAsync($"{Path}/{id}/items")).Json;
        var next = (await daemon.GetAsync($"{Path}/{id}/items?after={Text(latest, "last_id")}&limit=100")).Json;
        var ascending = (await daemon.GetAsync($"{Path}/{id}/items?order=asc&limit=3&after=i1")).Json;

        Assert.Equal(Enumerable.Range(10, 20).Reverse().Select(i => $"i{i}"), Ids(latest));
        Assert.Equal(Enumerable.Range(0, 10).Reverse().Select(i => $"i{i}"), Ids(next));
        Assert.Equal(["i2", "i3", "i4"], Ids(ascending));
        Assert.Equal((true, false, true), (latest.GetProperty("has_more").GetBoolean(), next.GetProperty("has_more").GetBoolean(), ascending.GetProperty("has_more").GetBoolean()));
    }

    [Theory]
    [InlineData("", "{\"items\":{}}", "items")]
    [InlineData("", "{\"items\":[1]}", "items[0]")]
    [InlineData("", "{\"items\":[{\"type\":\"web_search_call\"}]}", "items[0].type")]
    [InlineData("", "{\"items\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]}", "items[0].content")]
    [InlineData("", "{\"items\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}", "items")]
    [InlineData("", "{\"metadata\":{\"a\":1}}", "metadata")]
    [InlineData("/ID", "{\"items\":[]}", "items")]
    [InlineData("/ID/items", "{}", "items")]
    [InlineData("/ID/items", "{\"items\":[]}", "items")]
    [InlineData("/ID/items", "{\"items\":[{\"type\":\"item_reference\",\"id\":3}]}", "items[0].id")]
    public async Task Post_WhatIsWrong_Is400NamingIt(string path, string body, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");

        var answer = await daemon.PostAsync(Path + path.Replace("ID", id, StringComparison.Ordinal), body);

        Assert.Equal((400, parameter), (answer.Code, answer.Param));
        Assert.Empty(await ItemsAsync(daemon, id));
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=101", "limit")]
    [InlineData("limit=x", "limit")]
    [InlineData("order=up", "order")]
    [InlineData("after=none", "after")]
    public async Task List_WhatIsWrong_Is400NamingIt(string query, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");

        var answer = await daemon.GetAsync($"{Path}/{id}/items?{query}");

        Assert.Equal((400, parameter), (answer.Code, answer.Param));
    }

    [Theory]
    [InlineData("\"conversation\":\"ID\",\"previous_response_id\":\"resp_1\"", 400, "previous_response_id")]
    [InlineData("\"conversation\":3", 400, "conversation")]
    [InlineData("\"conversation\":{}", 400, "conversation")]
    [InlineData("\"conversation\":{\"id\":\"\\ud800\"}", 400, "conversation")]
    [InlineData("\"conversation\":\"conv_1\"", 404, "conversation")]
    public async Task PostResponse_WhatIsWrong_IsRefusedNamingIt(string fields, int code, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");

        var answer = await daemon.PostAsync(Responses, $"{{\"input\":\"x\",{fields.Replace("ID", id, StringComparison.Ordinal)}}}");

        Assert.Equal((code, parameter), (answer.Code, answer.Param));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Everything_OfAnother_IsNotThere()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        var id = Text((await daemon.PostAsync(Path, """{"items":[{"role":"user","content":"a","id":"i"}]}""", "key-one")).Json, "id");
        var response = Text((await daemon.PostAsync(Responses, "{\"input\":\"x\"}", "key-one")).Json, "id");

        foreach (var key in new[] { "key-two", "key-ops" })
        {
            foreach (var (method, path, body) in new[]
            {
                (HttpMethod.Get, $"{Path}/{id}", null), (HttpMethod.Delete, $"{Path}/{id}", null), (HttpMethod.Post, $"{Path}/{id}", "{}"), (HttpMethod.Get, $"{Path}/{id}/items", null),
                (HttpMethod.Post, $"{Path}/{id}/items", """{"items":[{"role":"user","content":"b"}]}"""), (HttpMethod.Get, $"{Path}/{id}/items/i", null), (HttpMethod.Delete, $"{Path}/{id}/items/i", null),
                (HttpMethod.Post, Responses, $"{{\"input\":\"x\",\"conversation\":\"{id}\"}}"),
            })
            {
                Assert.Equal(404, (await daemon.SendAsync(method, path, body, key)).Code);
            }
        }

        // What is of one kind is not of the other.
        Assert.Equal((404, 404), ((await daemon.GetAsync($"{Path}/{response}", "key-one")).Code, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{response}", null, "key-one")).Code));
        Assert.Equal((404, 404), ((await daemon.GetAsync($"{Responses}/{id}", "key-one")).Code, (await daemon.SendAsync(HttpMethod.Delete, $"{Responses}/{id}", null, "key-one")).Code));
        Assert.Equal(1, (await daemon.GetAsync($"{Path}/{id}/items", "key-one")).Json.GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task Post_MoreThanFits_IsRefused()
    {
        var options = new ServingOptions();
        options.Server.MaxBodySize = 4096;
        await using var daemon = await TestDaemon.StartAsync(options);
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");
        var items = $"{{\"items\":[{{\"role\":\"user\",\"content\":\"{new string('x', 2500)}\"}}]}}";

        Assert.Equal(200, (await daemon.PostAsync($"{Path}/{id}/items", items)).Code);
        Assert.Equal((400, "items"), ((await daemon.PostAsync($"{Path}/{id}/items", items)).Code, (await daemon.PostAsync($"{Path}/{id}/items", items)).Param));
        Assert.Equal((400, "items"), ((await daemon.PostAsync(Path, $"{{\"items\":[{string.Join(',', Enumerable.Repeat("{}", 21))}]}}")).Code, "items"));
        Assert.Single(await ItemsAsync(daemon, id));
    }

    [Fact]
    public async Task Post_WhereNothingIsKept_IsRefused()
    {
        var options = new ServingOptions();
        options.Server.ResponseStoreSize = 0;
        await using var daemon = await TestDaemon.StartAsync(options);

        var answers = new[] { await daemon.PostAsync(Path, "{}"), await daemon.PostAsync(Responses, "{\"input\":\"x\",\"conversation\":\"conv_1\"}") };

        Assert.All(answers, answer => Assert.Equal((400, "conversation"), (answer.Code, answer.Param)));
        Assert.All(answers, answer => Assert.Contains("server.response_store_size", answer.Message, StringComparison.Ordinal));
    }

    /// <summary>Whoever adds at the same time adds all the same.</summary>
    [Fact]
    public async Task Items_AddedByManyAtOnce_AreAllThere()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, "{}")).Json, "id");

        await Task.WhenAll(Enumerable.Range(0, 24).Select(i => i % 2 == 0
            ? daemon.PostAsync($"{Path}/{id}/items", $"{{\"items\":[{{\"role\":\"user\",\"content\":\"{i}\"}}]}}")
            : daemon.PostAsync(Responses, $"{{\"input\":\"{i}\",\"conversation\":\"{id}\"}}")));

        Assert.Equal(12 + 24, (await ItemsAsync(daemon, id)).Count);
    }

    private static async Task<JsonElement> AskAsync(TestDaemon daemon, string fields, bool stream = false)
    {
        var answer = await daemon.PostAsync(Responses, $"{{{fields},\"stream\":{(stream ? "true" : "false")}}}");
        Assert.True(answer.Code == 200, answer.Text);
        return stream ? JsonDocument.Parse(answer.Text.Split("data: ")[^1]).RootElement.GetProperty("response") : answer.Json;
    }

    private static async Task<List<JsonElement>> ItemsAsync(TestDaemon daemon, string id) =>
        [.. (await daemon.GetAsync($"{Path}/{id}/items?order=asc&limit=100")).Json.GetProperty("data").EnumerateArray()];

    private static IEnumerable<string> Ids(JsonElement list) => list.GetProperty("data").EnumerateArray().Select(item => Text(item, "id"));

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
