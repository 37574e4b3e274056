using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class TokenizeEndpointTests
{
    [Fact]
    public async Task Tokenize_Prompt_CountsAndShowsTextsWhenAsked()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var plain = await daemon.PostAsync("/tokenize", """{"prompt":"to be"}""");
        var texts = await daemon.PostAsync("/tokenize", """{"prompt":"to be","return_token_strs":true}""");

        Assert.Equal("""{"count":2,"max_model_len":2048,"tokens":[2,2],"token_strs":null}""", plain.Text);
        Assert.Equal("""{"count":2,"max_model_len":2048,"tokens":[2,2],"token_strs":["to","be"]}""", texts.Text);
    }

    [Theory]
    [InlineData("{}", "prompt")]
    [InlineData("{\"prompt\":\"a\",\"messages\":[]}", "prompt")]
    [InlineData("{\"messages\":[]}", "messages")]
    [InlineData("{\"prompt\":1}", "prompt")]
    [InlineData("{\"prompt\":\"a\",\"model\":\"nobody\"}", "model")]
    public async Task Tokenize_BadInput_NamesTheField(string body, string field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/tokenize", body);

        Assert.Equal(field, answer.Param);
    }

    [Fact]
    public async Task Detokenize_Tokens_GivesText()
    {
        await using var daemon = await TestDaemon.StartAsync();

        Assert.Equal("""{"prompt":"1 2"}""", (await daemon.PostAsync("/detokenize", """{"tokens":[1,2]}""")).Text);
        Assert.Equal("tokens", (await daemon.PostAsync("/detokenize", "{}")).Param);
        Assert.Equal(400, (await daemon.PostAsync("/detokenize", """{"tokens":[-1]}""")).Code);
    }

    [Fact]
    public async Task Models_Card_LooksAsVllms()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var list = (await daemon.GetAsync("/v1/models")).Json;
        var card = (await daemon.GetAsync("/v1/models/pirate")).Json;

        Assert.Equal("list", list.GetProperty("object").GetString());
        var first = list.GetProperty("data")[0];
        Assert.Equal(2048, first.GetProperty("max_model_len").GetInt32());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, first.GetProperty("parent").ValueKind);
        Assert.Equal(("pirate", "base", "model"), (card.GetProperty("root").GetString(), card.GetProperty("parent").GetString(), card.GetProperty("object").GetString()));
        Assert.True(card.GetProperty("permission")[0].GetProperty("allow_sampling").GetBoolean());
    }

    [Theory]
    [InlineData("org/tiny", "org/tiny")]
    [InlineData("org%2Ftiny", "org/tiny")]
    [InlineData("org%2ftiny/", null)]
    [InlineData("tiny", null)]
    public async Task Models_NameWithASlash_IsFoundAsClientsWriteIt(string path, string? name)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Adapters.Add(("org/tiny", null));

        var card = await daemon.GetAsync($"/v1/models/{path}");

        Assert.Equal((name is null ? 404 : 200, name), (card.Code, name is null ? null : card.Json.GetProperty("id").GetString()));
    }

    /// <summary>The adapters' disk does not answer: whoever needs it is told when to try again, and nobody else notices.</summary>
    [Fact]
    public async Task Models_TheAdaptersDiskHangs_TheBaseIsShown()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.DiskFailure = new RequestFailure(RequestError.AdapterUnavailable, "The adapters cannot be listed now.", null, TimeSpan.FromSeconds(3));

        var list = await daemon.GetAsync("/v1/models");
        var adapter = await daemon.GetAsync("/v1/models/pirate");
        var status = await daemon.GetAsync("/v1/status");

        Assert.Equal((503, "3", 503, "3"), (list.Code, list.Header("Retry-After"), adapter.Code, adapter.Header("Retry-After")));
        Assert.Equal("base", (await daemon.GetAsync("/v1/models/base")).Json.GetProperty("id").GetString());
        Assert.Equal((200, 0), (status.Code, status.Json.GetProperty("adapters").GetArrayLength()));
        Assert.Equal(200, (await daemon.GetAsync("/health/ready")).Code);
    }
}
