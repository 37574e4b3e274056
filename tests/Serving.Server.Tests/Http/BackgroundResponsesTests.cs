using System.Text.Json;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Responses;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Responses that nobody waits for, and that are asked for later.</summary>
public sealed class BackgroundResponsesTests
{
    private const string Path = "/v1/responses";

    [Fact]
    public async Task Post_InTheBackground_IsAskedForUntilItIsComplete()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = static _ => { };

        var begun = await daemon.PostAsync(Path, """{"input":"hi","background":true}""");

        Assert.Equal(200, begun.Code);
        Assert.Equal(("queued", true, true), (Text(begun.Json, "status"), begun.Json.GetProperty("background").GetBoolean(), begun.Json.GetProperty("store").GetBoolean()));
        var id = Text(begun.Json, "id");
        Assert.Equal(begun.Text, (await daemon.GetAsync($"{Path}/{id}")).Text);

        var request = Assert.Single(daemon.Engine.Requests);
        request.Send(new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] });
        Assert.Equal("in_progress", Text(await daemon.AskUntilAsync(id, status => status != "queued"), "status"));
        request.Say(["lo"]);
        var done = await daemon.AskUntilAsync(id, static status => status is not ("queued" or "in_progress"));

        Assert.Equal("completed", Text(done, "status"));
        Assert.Equal("Hello", done.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(2, done.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal(0, daemon.Engine.Running);
        var next = await daemon.PostAsync(Path, $"{{\"input\":\"more\",\"background\":true,\"previous_response_id\":\"{id}\"}}");
        Assert.Equal(200, next.Code);
        Assert.Equal("""[{"role":"user","content":"hi"},{"role":"assistant","content":"Hello"},{"role":"user","content":"more"}]""", ((ChatPrompt)daemon.Engine.Requests.Last().Request.Prompt).Messages.GetRawText());
    }

    [Fact]
    public async Task Post_InTheBackgroundOfAConversation_IsAddedToIt()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var conversation = Text((await daemon.PostAsync("/v1/conversations", "{}")).Json, "id");

        var id = Text((await daemon.PostAsync(Path, $"{{\"input\":\"hi\",\"background\":true,\"conversation\":\"{conversation}\"}}")).Json, "id");
        await daemon.AskUntilAsync(id, static status => status == "completed");

        Assert.Equal(2, (await daemon.GetAsync($"/v1/conversations/{conversation}/items")).Json.GetProperty("data").GetArrayLength());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancel_OfOneUnderWay_EndsItAndSaysSo(bool hasBegun)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = static _ => { };
        var id = Text((await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Json, "id");
        if (hasBegun)
        {
            daemon.Engine.Requests.Single().Send(new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] });
            await daemon.AskUntilAsync(id, static status => status == "in_progress");
        }

        var cancelled = await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel");

        Assert.Equal((200, "cancelled"), (cancelled.Code, Text(cancelled.Json, "status")));
        await daemon.Engine.Requests.Single().Cancelled.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(cancelled.Text, (await daemon.GetAsync($"{Path}/{id}")).Text);
        Assert.Equal(cancelled.Text, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel")).Text);
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task Delete_OfOneUnderWay_EndsItAndLetsItGo()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = static _ => { };
        var id = Text((await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Json, "id");

        Assert.Equal(200, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}")).Code);

        await daemon.Engine.Requests.Single().Cancelled.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((404, 404), ((await daemon.GetAsync($"{Path}/{id}")).Code, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel")).Code));
    }

    [Fact]
    public async Task Cancel_OfOneThatIsNot_IsRefused()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var id = Text((await daemon.PostAsync(Path, """{"input":"hi"}""")).Json, "id");

        Assert.Equal(400, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel")).Code);
        Assert.Equal(404, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/resp_1/cancel")).Code);
        Assert.Equal(200, (await daemon.GetAsync($"{Path}/{id}")).Code);
    }

    [Fact]
    public async Task Post_ThatFails_IsKeptAsFailed()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.EngineFailed, "It failed.") });
            request.End();
        };
        var id = Text((await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Json, "id");

        var failed = await daemon.AskUntilAsync(id, static status => status is not ("queued" or "in_progress"));

        Assert.Equal(("failed", "It failed."), (Text(failed, "status"), Text(failed.GetProperty("error"), "message")));
    }

    [Fact]
    public async Task Post_MoreThanMayBeUnderWay_IsRefusedForThatTenantAlone()
    {
        using var tenants = new TestTenants();
        var options = tenants.Options();
        options.Server.MaxBackgroundResponses = 2;
        await using var daemon = await TestDaemon.StartAsync(options);
        daemon.Engine.Script = static _ => { };
        const string Body = """{"input":"hi","background":true}""";
        var id = Text((await daemon.PostAsync(Path, Body, "key-one")).Json, "id");
        await daemon.PostAsync(Path, Body, "key-one");

        var third = await daemon.PostAsync(Path, Body, "key-one");
        Assert.Equal((429, "background"), (third.Code, third.Param));
        Assert.NotNull(third.Header("Retry-After"));
        Assert.Equal((200, 200), ((await daemon.PostAsync(Path, Body, "key-two")).Code, (await daemon.GetAsync($"{Path}/{id}", "key-one")).Code));
        foreach (var key in new[] { "key-two", "key-ops" })
        {
            Assert.Equal((404, 404, 404), ((await daemon.GetAsync($"{Path}/{id}", key)).Code, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel", null, key)).Code, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{id}", null, key)).Code));
        }

        Assert.Equal(200, (await daemon.SendAsync(HttpMethod.Post, $"{Path}/{id}/cancel", null, "key-one")).Code);
        Assert.Equal(200, (await daemon.PostAsync(Path, Body, "key-one")).Code);
    }

    /// <summary>A request that the engine refuses takes no place.</summary>
    [Fact]
    public async Task Post_ThatIsRefused_GivesItsPlaceBack()
    {
        var options = new ServingOptions();
        options.Server.MaxBackgroundResponses = 1;
        await using var daemon = await TestDaemon.StartAsync(options);
        daemon.Engine.Refusal = Failures.Of(RequestError.QueueFull);
        Assert.Equal(429, (await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Code);
        daemon.Engine.Refusal = null;
        Assert.Equal(200, (await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Code);
    }

    [Theory]
    [InlineData("\"background\":true,\"stream\":true", "background", 64, true)]
    [InlineData("\"background\":true,\"store\":false", "background", 64, true)]
    [InlineData("\"background\":true", "background", 0, true)]
    [InlineData("\"background\":true", "background", 64, false)]
    [InlineData("\"background\":1", "background", 64, true)]
    public async Task Post_WhatIsNotDone_IsRefusedNamingIt(string fields, string parameter, int most, bool keeps)
    {
        var options = new ServingOptions();
        options.Server.MaxBackgroundResponses = most;
        options.Server.ResponseStoreSize = keeps ? options.Server.ResponseStoreSize : 0;
        await using var daemon = await TestDaemon.StartAsync(options);

        var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",{fields}}}");

        Assert.Equal((400, parameter), (answer.Code, answer.Param));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Drain_WaitsForThoseUnderWayAndTakesNoOthers()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = static _ => { };
        var id = Text((await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Json, "id");

        var drained = daemon.Drain.RequestAsync();

        Assert.Equal(503, (await daemon.PostAsync(Path, """{"input":"hi","background":true}""")).Code);
        Assert.Equal("queued", Text((await daemon.GetAsync($"{Path}/{id}")).Json, "status"));
        Assert.False(drained.IsCompleted);
        daemon.Engine.Requests.Single().Say(["done"]);
        await drained.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    /// <summary>A daemon that stops does not wait for what is left of them.</summary>
    [Fact]
    public async Task Stop_WithSomeUnderWay_EndsThem()
    {
        var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = static _ => { };
        await daemon.PostAsync(Path, """{"input":"hi","background":true}""");

        await daemon.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        Assert.Equal(0, daemon.Engine.Running);
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task StopAsync_CancelsThoseThatAreLeftAndWaitsForThem()
    {
        var responses = new BackgroundResponses(most: 2);
        var tenant = new TenantId("one");
        var place = responses.TryAdd(tenant, "resp_1")!;

        var stopped = responses.StopAsync(TestContext.Current.CancellationToken);

        Assert.True(place.Cancelled.IsCancellationRequested);
        Assert.False(stopped.IsCompleted);
        Assert.Null(responses.TryAdd(tenant, "resp_2"));
        responses.End(tenant, "resp_1");
        await stopped;
        Assert.True(place.Ended.IsCompleted);
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
