using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class PromptSchemasEndpointTests
{
    private const string Trip = """{"schema": {"name": "trip", "content": ["Plan.", {"type": "module", "name": "miami", "content": ["Stay ", {"type": "parameter", "name": "days", "length": 4}]}]}}""";

    [Fact]
    public async Task Post_PmlAndJsonOfOneMeaning_HaveOneVersion()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var json = await daemon.PostAsync("/v1/prompt_schemas", Trip);
        var pml = await daemon.PostAsync("/v1/prompt_schemas", """{"pml": "<schema name='trip'>Plan.<module name='miami'>Stay <parameter name='days' length='4'/></module></schema>"}""");

        Assert.Equal((200, 200), (json.Code, pml.Code));
        Assert.Equal(json.Json.GetProperty("version").GetString(), pml.Json.GetProperty("version").GetString());
        Assert.Equal(64, json.Json.GetProperty("version").GetString()!.Length);
        Assert.Equal("prompt_schema", json.Json.GetProperty("object").GetString());
        var module = Assert.Single(json.Json.GetProperty("modules").EnumerateArray());
        Assert.Equal("miami", module.GetProperty("name").GetString());
        Assert.Equal(4, module.GetProperty("parameters")[0].GetProperty("length").GetInt32());
        Assert.Equal(json.Json.GetProperty("length").GetInt32(), module.GetProperty("start").GetInt32() + module.GetProperty("length").GetInt32());
    }

    [Fact]
    public async Task Show_PutSchema_GivesItBackAsJson()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var put = await daemon.PostAsync("/v1/prompt_schemas", Trip);
        var shown = await daemon.GetAsync("/v1/prompt_schemas/trip");
        Assert.Equal(200, shown.Code);
        var again = await daemon.PostAsync("/v1/prompt_schemas", $$"""{"schema": {{shown.Json.GetProperty("schema").GetRawText()}}}""");
        Assert.Equal(put.Json.GetProperty("version").GetString(), again.Json.GetProperty("version").GetString());
    }

    [Theory]
    [InlineData("""{}""", "schema", "One of schema and pml")]
    [InlineData("""{"pml": "<schema/>", "schema": {}}""", "schema", "One of schema and pml")]
    [InlineData("""{"pml": "<schema name='a'>\n<b/></schema>"}""", "pml", "pml: line 2, column 2: <b> is not known here")]
    [InlineData("""{"pml": "<schema name='a'><module name='b'>x</modul></schema>"}""", "pml", "does not match the end tag of 'modul'.")]
    [InlineData("""{"schema": {"name": "a"}}""", "schema", "schema: line 1, column 1: the schema is empty")]
    [InlineData("""{"schema": "text"}""", "schema", "a schema is an object")]
    [InlineData("""{"pml": "<schema name='a'>x</schema>", "ttl": 0}""", "ttl", "ttl is above 0")]
    [InlineData("""{"pml": "<schema name='a'>x</schema>", "ttl": 9223372036854775807}""", "ttl", "ttl is above 0")]
    [InlineData("""{"pml": "<schema name='a'>x</schema>", "pin": ["base", "base"]}""", "pin", "each once")]
    [InlineData("""{"pml": "<schema name='a'>x</schema>", "pin": 5}""", "pin", "a list of strings")]
    [InlineData("""{"pml": 5}""", "pml", "expected a string")]
    public async Task Post_Wrong_Is400WithTheField(string body, string field, string message)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync("/v1/prompt_schemas", body);
        Assert.Equal((400, field), (answer.Code, answer.Param));
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("..", answer.Message, StringComparison.Ordinal);
        Assert.Empty(daemon.Engine.Schemas.List(new(new("anonymous"), 1, default, new(1, 1))));
    }

    [Fact]
    public async Task Post_PinUnderAModelThatIsNotThere_Is404()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync("/v1/prompt_schemas", """{"pml": "<schema name='a'>x</schema>", "pin": "nobody"}""");
        Assert.Equal((404, "pin"), (answer.Code, answer.Param));
        var kept = await daemon.PostAsync("/v1/prompt_schemas", """{"pml": "<schema name='a'>x</schema>", "pin": "pirate", "ttl": 60}""");
        Assert.Equal("pirate", Assert.Single(kept.Json.GetProperty("pin").EnumerateArray()).GetString());
        Assert.Equal(60, kept.Json.GetProperty("expires_at").GetInt64() - kept.Json.GetProperty("created").GetInt64());
    }

    [Fact]
    public async Task Tenants_EachOthersSchemas_AreNotThere()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        Assert.Equal(200, (await daemon.PostAsync("/v1/prompt_schemas", Trip, "key-one")).Code);

        // What is another's looks exactly like what is not there.
        var other = await daemon.GetAsync("/v1/prompt_schemas/trip", "key-two");
        var none = await daemon.GetAsync("/v1/prompt_schemas/gone", "key-two");
        Assert.Equal((404, 404), (other.Code, none.Code));
        Assert.Equal(none.Text.Replace("gone", "trip", StringComparison.Ordinal), other.Text);
        Assert.Equal(404, (await daemon.SendAsync(HttpMethod.Delete, "/v1/prompt_schemas/trip", null, "key-two")).Code);
        Assert.Equal(404, (await daemon.SendAsync(HttpMethod.Delete, "/v1/prompt_schemas/trip", null, "key-ops")).Code);
        Assert.Empty((await daemon.GetAsync("/v1/prompt_schemas", "key-two")).Json.GetProperty("data").EnumerateArray());
        Assert.Single((await daemon.GetAsync("/v1/prompt_schemas", "key-one")).Json.GetProperty("data").EnumerateArray());
        Assert.Equal(200, (await daemon.SendAsync(HttpMethod.Delete, "/v1/prompt_schemas/trip", null, "key-one")).Code);
        Assert.Equal(404, (await daemon.GetAsync("/v1/prompt_schemas/trip", "key-one")).Code);
    }

    [Fact]
    public async Task Public_Schemas_AreMadeAndDeletedByAdminsAndGiveWayToATenantsOwn()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        var body = Trip.Replace("{\"schema\"", "{\"public\": true, \"schema\"", StringComparison.Ordinal);
        Assert.Equal((403, "public"), (await daemon.PostAsync("/v1/prompt_schemas", body, "key-one")) is var refused ? (refused.Code, refused.Param) : default);
        Assert.Equal(200, (await daemon.PostAsync("/v1/prompt_schemas", body, "key-ops")).Code);

        Assert.True((await daemon.GetAsync("/v1/prompt_schemas/trip", "key-one")).Json.GetProperty("public").GetBoolean());
        await daemon.PostAsync("/v1/prompt_schemas", Trip.Replace("Plan.", "Mine.", StringComparison.Ordinal), "key-one");
        Assert.False((await daemon.GetAsync("/v1/prompt_schemas/trip", "key-one")).Json.GetProperty("public").GetBoolean());
        Assert.True((await daemon.GetAsync("/v1/prompt_schemas/trip", "key-two")).Json.GetProperty("public").GetBoolean());
        Assert.Equal(403, (await daemon.SendAsync(HttpMethod.Delete, "/v1/prompt_schemas/trip", null, "key-two")).Code);
        Assert.Equal(200, (await daemon.SendAsync(HttpMethod.Delete, "/v1/prompt_schemas/trip", null, "key-ops")).Code);
        Assert.Equal(404, (await daemon.GetAsync("/v1/prompt_schemas/trip", "key-two")).Code);
        Assert.Equal(200, (await daemon.GetAsync("/v1/prompt_schemas/trip", "key-one")).Code);
    }

    [Fact]
    public async Task Chat_WithModules_ReachesTheEngineAndReportsThem()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Modules = [new ModuleUsage("miami", 20, 20), new ModuleUsage("train", 9, 0)];
            request.Say(["Yes."]);
        };
        var answer = await daemon.PostAsync("/v1/chat/completions", """
            {"prompt_schema": "trip", "messages": [{"role": "user", "content": [{"type": "prompt_module", "name": "miami", "arguments": {"days": "two"}}, {"type": "text", "text": "Well?"}]}]}
            """);

        Assert.Equal(200, answer.Code);
        Assert.Equal("trip", Assert.Single(daemon.Engine.Requests).Request.SchemaName);
        var modules = answer.Json.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("prompt_modules");
        Assert.Equal("""[{"name":"miami","tokens":20,"cached_tokens":20},{"name":"train","tokens":9,"cached_tokens":0}]""", modules.GetRawText());
    }

    [Fact]
    public async Task Chat_WithoutASchema_HasNoModulesInItsUsage()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync("/v1/chat/completions", """{"messages": [{"role": "user", "content": "Well?"}]}""");
        Assert.Equal("""{"cached_tokens":2}""", answer.Json.GetProperty("usage").GetProperty("prompt_tokens_details").GetRawText());
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": [{"type": "prompt_module", "name": "a"}]}]}""", "messages[0].content", "prompt_schema")]
    [InlineData("/v1/chat/completions", """{"prompt_schema": "a", "messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "prompt_module", "name": "a"}]}]}""", "messages[1].content", "first message only")]
    [InlineData("/v1/chat/completions", """{"prompt_schema": "a", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f"}}]}""", "tools", "not supported")]
    [InlineData("/v1/chat/completions", """{"prompt_schema": 5, "messages": [{"role": "user", "content": "x"}]}""", "prompt_schema", "expected a string")]
    [InlineData("/v1/completions", """{"prompt_schema": "a", "prompt": [1, 2]}""", "prompt", "PML")]
    [InlineData("/v1/completions", """{"prompt_schema": "a", "prompt": "<prompt schema='a'/>", "echo": true, "logprobs": 1}""", "echo", "is not supported")]
    public async Task Generate_WrongUse_Is400WithTheField(string path, string body, string field, string message)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync(path, body);
        Assert.Equal((400, field), (answer.Code, answer.Param));
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_JsonAsDeepAsASchemaMayBe_IsTaken()
    {
        await using var daemon = await TestDaemon.StartAsync();
        string Nested(int depth) => $$$"""{"schema": {"name": "deep", "content": [{{{string.Concat(Enumerable.Repeat("{\"type\": \"module\", \"name\": \"m\", \"content\": [", depth))}}}"x"{{{string.Concat(Enumerable.Repeat("]}", depth))}}}]}}""";
        Assert.Equal(200, (await daemon.PostAsync("/v1/prompt_schemas", Nested(12))).Code);
        var answer = await daemon.PostAsync("/v1/prompt_schemas", Nested(13));
        Assert.Equal((400, "schema"), (answer.Code, answer.Param));
        Assert.Contains("inside each other", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenApi_Document_KnowsTheSchemas()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var document = (await daemon.GetAsync("/openapi/v1.json")).Json;
        Assert.True(document.GetProperty("paths").GetProperty("/v1/prompt_schemas/{id}").TryGetProperty("delete", out _));
        Assert.Contains("prompt_schema", document.GetProperty("components").GetProperty("schemas").GetProperty("ChatCompletionRequest").GetRawText(), StringComparison.Ordinal);
    }
}
