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
}
