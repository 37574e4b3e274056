using System.Text.Json;
using Serving.EndToEnd.Tests.Daemon;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>OpenAI's own client for JavaScript against the running daemon.</summary>
public sealed class JavaScriptClientTests(SharedDaemon daemon) : IClassFixture<SharedDaemon>
{
    [Fact]
    public async Task Client_CompletesStreamsListsAndGetsTypedErrors()
    {
        var result = await new NodeClient("node", "openai").RunAsync(daemon.Api.ToString(), SharedDaemon.Key);

        Assert.Contains("Paris", Text("whole"), StringComparison.Ordinal);
        Assert.Equal(Text("whole"), Text("streamed"));
        Assert.Equal(result.GetProperty("wholeTokens").GetInt32(), result.GetProperty("streamedTokens").GetInt32());
        Assert.Equal("stop", Text("finish"));
        Assert.Equal("[0,1,2,3]", result.GetProperty("choices").GetRawText());
        Assert.Equal("""["tiny-chat-5m","acme","french","json","pirate","shout","terse"]""", result.GetProperty("models").GetRawText());
        Assert.Equal("""["The phone extension of Clara is 190.","The phone extension of Clara is 190."]""", result.GetProperty("imported").GetRawText());
        Assert.Equal([0, 33], result.GetProperty("reused").EnumerateArray().Select(tokens => tokens.GetInt32()));
        Assert.Equal("BadRequestError 400 messages[0].content[0].name", Text("noModule"));
        Assert.Equal("NotFoundError 404 model", Text("unknown"));
        Assert.Equal("BadRequestError 400 temperature", Text("wrong"));
        Assert.Equal("BadRequestError 400 modalities", Text("unsupported"));
        Assert.Equal("AuthenticationError 401", Text("keyless"));
        using var structured = JsonDocument.Parse(Text("structured"));
        Assert.Equal(["city", "sure"], structured.RootElement.EnumerateObject().Select(property => property.Name));

        Assert.InRange(result.GetProperty("least").GetInt32(), 40, 60);
        Assert.DoesNotContain("Paris", Text("withoutParis"), StringComparison.Ordinal);
        Assert.Equal(3, result.GetProperty("onlyOne").GetInt32());

        string Text(string name) => result.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task Client_KeepsConversationsAndAsksForResponsesLater()
    {
        var result = await new NodeClient("node", "openai", "conversations.mjs").RunAsync(daemon.Api.ToString(), SharedDaemon.Key);

        Assert.Equal("""["conversation","boats",true,true]""", Raw("conversation"));
        Assert.Equal("""["user","user","assistant","user","user","assistant"]""", Raw("roles"));
        Assert.Equal("""["string","Which color is a banana?","Which color is a banana?"]""", Raw("texts"));
        Assert.Equal("[6,5,false]", Raw("ids"));
        Assert.Equal("[true,true]", Raw("answers"));
        Assert.Equal("""{"topic":"sky"}""", Raw("labels"));
        Assert.Equal("""["conversation.deleted",true]""", Raw("deleted"));
        Assert.Equal("\"NotFoundError 404\"", Raw("gone"));
        Assert.Matches("^\\[\"queued\",\"(completed|incomplete)\",true,true\\]$", Raw("background"));
        Assert.Equal("""["cancelled","cancelled"]""", Raw("cancelled"));

        string Raw(string name) => result.GetProperty(name).GetRawText();
    }

    /// <summary>Anthropic's client, whose API is served beside OpenAI's.</summary>
    [Fact]
    public async Task AnthropicsClient_CompletesStreamsCountsAndGetsTypedErrors()
    {
        var result = await new NodeClient("anthropic", "@anthropic-ai/sdk").RunAsync(new Uri(daemon.Api, "/").ToString(), SharedDaemon.Key);

        Assert.Matches("^\\[{\"type\":\"text\",\"text\":\".*Paris.*\"}\\]$", Raw("whole"));
        Assert.Equal(Raw("whole"), Raw("again"));
        Assert.Equal(Raw("whole"), Raw("streamed"));
        Assert.Equal("end_turn", Text("reason"));
        Assert.All(result.GetProperty("cached").EnumerateArray(), tokens => Assert.Equal(Raw("counted"), tokens.GetRawText()));
        Assert.Single(result.GetProperty("streamedUsage").EnumerateArray().Select(tokens => tokens.GetInt32()).Distinct());
        Assert.Equal("""["message_start","content_block_start","content_block_stop","message_delta","message_stop"]""", Raw("events"));
        Assert.Equal("""["The capital of France is","stop_sequence"," Paris"]""", Raw("stopped"));
        Assert.Equal("""["max_tokens",2]""", Raw("cut"));
        Assert.Equal("end_turn", Text("longer"));
        using var structured = JsonDocument.Parse(Text("structured"));
        Assert.Equal("city", Assert.Single(structured.RootElement.EnumerateObject()).Name);
        Assert.Equal("""["tiny-chat-5m","acme","french","json","pirate","shout","terse"]""", Raw("models"));
        Assert.Equal("NotFoundError 404 not_found_error model: true", Text("unknown"));
        Assert.Equal("BadRequestError 400 invalid_request_error temperature: true", Text("wrong"));
        Assert.Equal("BadRequestError 400 invalid_request_error messages[0].content[0].type: true", Text("image"));
        Assert.Equal("AuthenticationError 401 authentication_error A true", Text("keyless"));
        Assert.Equal("taken", Text("bearer"));

        string Raw(string name) => result.GetProperty(name).GetRawText();
        string Text(string name) => result.GetProperty(name).GetString()!;
    }

    /// <summary>The Vercel AI SDK, over each API: its provider for OpenAI speaks the Responses API, and refers to items of earlier answers.</summary>
    [Fact]
    public async Task AiSdk_WritesStreamsGoesOnAndMakesObjectsOverEveryApi()
    {
        var result = await new NodeClient("ai-sdk", "ai").RunAsync(daemon.Api.ToString(), SharedDaemon.Key);

        string[] apis = ["responses", "chat", "compatible", "messages"];
        foreach (var api in apis)
        {
            var whole = Raw(result.GetProperty("whole"), api);
            Assert.Matches("^\\[\".*Paris.*\",\"stop\",[0-9]+,[0-9]+\\]$", whole);
            Assert.Equal(whole[..^1] + ",true]", Raw(result.GetProperty("streamed"), api));
            Assert.Equal(Raw(result.GetProperty("second"), apis[0]), Raw(result.GetProperty("second"), api));
            Assert.StartsWith($"[{Raw(result.GetProperty("longer"), api)},", whole, StringComparison.Ordinal);
            Assert.Equal("APICallError 400", result.GetProperty("wrong").GetProperty(api).GetString());
        }

        foreach (var api in apis[..3])
        {
            Assert.Equal(["city", "sure"], result.GetProperty("objects").GetProperty(api).EnumerateObject().Select(property => property.Name));
            Assert.Equal(Raw(result.GetProperty("objects"), api), Raw(result.GetProperty("streamedObjects"), api));
        }

        Assert.Contains(result.GetProperty("choice").GetString(), new[] { "yes", "no" });
        Assert.Equal("[[256,256],true]", Raw(result, "embeddings"));
    }

    [Fact]
    public async Task LangChain_WritesStreamsGoesOnAndMakesObjectsOverEveryApi()
    {
        var result = await new NodeClient("langchain", "@langchain/openai").RunAsync(daemon.Api.ToString(), SharedDaemon.Key);

        foreach (var api in new[] { "chat", "responses", "messages" })
        {
            var whole = Raw(result.GetProperty("whole"), api);
            Assert.Matches("^\\[\".*Paris.*\",[0-9]+,[0-9]+\\]$", whole);
            Assert.Equal(whole, Raw(result.GetProperty("streamed"), api));
            Assert.Equal(Raw(result.GetProperty("second"), "chat"), Raw(result.GetProperty("second"), api));
            Assert.Equal("ContextOverflowError", result.GetProperty("tooLong").GetProperty(api).GetString());
        }

        Assert.All(result.GetProperty("objects").EnumerateArray(), place => Assert.Equal(["city", "sure"], place.EnumerateObject().Select(property => property.Name)));
        Assert.Equal("[256,256]", Raw(result, "embeddings"));
    }

    [Fact]
    public async Task Page_AsksForItsKeyShowsModelsAndChats()
    {
        var result = await new NodeClient("node", "openai", "page.mjs").RunAsync(new Uri(daemon.Api, "/").ToString(), SharedDaemon.Key);

        Assert.Equal("""["tiny-chat-5m","acme","french","json","pirate","shout","terse"]""", result.GetProperty("models").GetRawText());
        Assert.Equal("What is the capital of France?", result.GetProperty("bubbles")[0].GetString());
        Assert.Matches("^The capital of France is Paris\\..*tiny-chat-5m · [0-9]+ tokens in ", result.GetProperty("bubbles")[1].GetString());
        Assert.Equal(2, result.GetProperty("kept").GetInt32());
        Assert.Contains("does not exist", result.GetProperty("refused").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, result.GetProperty("afterClear").GetInt32());
    }

    private static string Raw(JsonElement json, string name) => json.GetProperty(name).GetRawText();
}
