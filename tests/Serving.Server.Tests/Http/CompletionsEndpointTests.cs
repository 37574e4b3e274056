using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class CompletionsEndpointTests
{
    private const string Path = "/v1/completions";

    [Fact]
    public async Task Post_Text_AnswersAsOpenAiDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"prompt":"once"}""");

        Assert.Equal("text_completion", answer.Json.GetProperty("object").GetString());
        Assert.StartsWith("cmpl-", answer.Json.GetProperty("id").GetString(), StringComparison.Ordinal);
        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal("Hello world", choice.GetProperty("text").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        var request = Assert.Single(daemon.Engine.Requests).Request;
        Assert.Equal(new TextPrompt("once"), request.Prompt);
        Assert.Equal(16, request.MaxTokens);
    }

    [Theory]
    [InlineData("[\"a\",\"b\"]", 2)]
    [InlineData("[1,2,3]", 1)]
    [InlineData("[[1],[2,3]]", 2)]
    public async Task Post_EveryFormOfPrompt_IsOneRequestPerPrompt(string prompt, int count)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{"prompt":{{prompt}},"n":2}""");

        Assert.Equal(count, daemon.Engine.Requests.Count);
        Assert.Equal(Enumerable.Range(0, count * 2), answer.Json.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(3 * count, answer.Json.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(4 * count, answer.Json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Post_StreamOfManyPrompts_MergesAndEnds()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"prompt":["a","b","c"],"stream":true,"stream_options":{"include_usage":true}}""");

        Assert.Equal("[DONE]", answer.Events[^1]);
        var chunks = answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement).ToList();
        Assert.Equal(9, chunks[^1].GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        foreach (var index in Enumerable.Range(0, 3))
        {
            var own = chunks.SkipLast(1).Select(chunk => chunk.GetProperty("choices")[0]).Where(choice => choice.GetProperty("index").GetInt32() == index).ToList();
            Assert.Equal("Hello world", string.Concat(own.Select(choice => choice.GetProperty("text").GetString())));
            Assert.Equal("stop", own[^1].GetProperty("finish_reason").GetString());
        }
    }

    [Fact]
    public async Task Post_EchoWithLogprobs_KeepsOffsetsAndTheFirstNull()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"prompt":"x","echo":true,"logprobs":1}""");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal("echo Hello world", choice.GetProperty("text").GetString());
        var logprobs = choice.GetProperty("logprobs");
        Assert.Equal("[0,5,10]", logprobs.GetProperty("text_offset").GetRawText());
        Assert.Equal("[null,-0.5,-0.5]", logprobs.GetProperty("token_logprobs").GetRawText());
        Assert.Equal("""["echo ","Hello"," world"]""", logprobs.GetProperty("tokens").GetRawText());
        Assert.Equal("""[null,{"Hello":-0.5,"other":-9999},{" world":-0.5,"other":-9999}]""", logprobs.GetProperty("top_logprobs").GetRawText());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_SpecialTokensAndCharactersOverTokens_OffsetsPointIntoTheText(bool isStream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            byte[] boat = [.. "⛵"u8];
            TokenLogprob[] prompt = [Token("<s>"u8) with { IsSpecial = true }, Token("é"u8), Token(boat.AsSpan(0, 1)), Token(boat.AsSpan(1, 1))];
            TokenLogprob[] answer = [Token([boat[2], .. " 😀"u8]), Token([0xff, 0xc3]), Token("x"u8)];
            request.Send(new GenerationEvent { Choice = 0, IsPrompt = true, Text = "é", Logprobs = prompt });
            request.Send(new GenerationEvent { Choice = 0, Text = "⛵ 😀", Tokens = [7], Logprobs = answer[..1] });
            request.Send(new GenerationEvent { Choice = 0, Text = "\ufffd\ufffdx", Tokens = [7, 7], Logprobs = answer[1..], FinishReason = Core.Requests.FinishReason.Length });
            request.End();
        };

        var answer = await daemon.PostAsync(Path, $$"""{"prompt":"x","echo":true,"logprobs":0,"stream":{{(isStream ? "true" : "false")}}}""");

        var choices = isStream ? answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("choices")[0]).ToList() : [answer.Json.GetProperty("choices")[0]];
        var offsets = choices.SelectMany(choice => choice.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32()));
        Assert.Equal("é⛵ 😀\ufffd\ufffdx", string.Concat(choices.Select(choice => choice.GetProperty("text").GetString())));
        Assert.Equal([0, 0, 1, 1, 1, 4, 5], offsets);
    }

    [Fact]
    public async Task Post_ContinuousUsage_CountsWhatHasBeenSent()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"prompt":["x","y"],"stream":true,"stream_options":{"continuous_usage_stats":true}}""");

        var usages = answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("usage")).ToList();
        Assert.Equal([1, 2, 3, 4], usages.Select(usage => usage.GetProperty("completion_tokens").GetInt32()).Distinct());
        Assert.All(usages, usage => Assert.Equal(usage.GetProperty("total_tokens").GetInt32(), 6 + usage.GetProperty("completion_tokens").GetInt32()));
    }

    [Fact]
    public async Task Post_OneOfManyRefused_CancelsTheOthers()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = _ => daemon.Engine.Refusal = new RequestFailure(Core.Requests.RequestError.QueueFull, "full", null, TimeSpan.FromSeconds(3));

        var answer = await daemon.PostAsync(Path, """{"prompt":["a","b"]}""");

        Assert.Equal(429, answer.Code);
        Assert.Equal("3", answer.Header("Retry-After"));
        await Assert.Single(daemon.Engine.Requests).Cancelled;
        Assert.Equal(0, daemon.Engine.Running);
    }

    private static TokenLogprob Token(ReadOnlySpan<byte> bytes) => new(7, System.Text.Encoding.UTF8.GetString(bytes), bytes.ToArray(), -0.5f, []);
}
