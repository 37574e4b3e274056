using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class ChatCompletionsEndpointTests
{
    private const string Path = "/v1/chat/completions";
    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    [Fact]
    public async Task Post_Whole_AnswersAsOpenAiDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{"model":"pirate",{{Messages}} }""");

        Assert.Equal(200, answer.Code);
        var json = answer.Json;
        Assert.StartsWith("chatcmpl-", json.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("chat.completion", json.GetProperty("object").GetString());
        Assert.Equal("pirate", json.GetProperty("model").GetString());
        var choice = json.GetProperty("choices")[0];
        Assert.Equal("""{"role":"assistant","content":"Hello world","refusal":null}""", choice.GetProperty("message").GetRawText());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").ValueKind);
        Assert.Equal(
            """{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":2}}""",
            json.GetProperty("usage").GetRawText());
    }

    [Fact]
    public async Task Post_AllFields_ReachTheEngine()
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $$"""
            {"model":"json",{{Messages}},"max_tokens":9,"max_completion_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"stop":"x",
            "stop_token_ids":[4],"seed":-3,"presence_penalty":1,"frequency_penalty":-1,"repetition_penalty":1.5,"logit_bias":{"5":-100,"6":2.5},
            "logprobs":true,"top_logprobs":2,"n":2,"ignore_eos":true,"user":"u","priority":3,"tool_choice":"auto","add_generation_prompt":false,
            "tools":[{"type":"function","function":{"name":"f"} }],"chat_template_kwargs":{"k":1} }
            """);

        var request = Assert.Single(daemon.Engine.Requests).Request;
        Assert.Equal(("json", 5, "max_completion_tokens", true, 2), (request.Model, request.MaxTokens, request.MaxTokensField, request.MaxTokensMayBeCut, request.Choices));
        Assert.Equal((0.5f, 0.9f, 7, 0.1f), (request.Temperature, request.TopP, request.TopK, request.MinP));
        Assert.Equal((1f, -1f, 1.5f), (request.PresencePenalty, request.FrequencyPenalty, request.RepetitionPenalty));
        Assert.Equal((-3L, true, 3, 2), (request.Seed, request.IgnoreEos, request.Priority, request.TopLogprobs));
        Assert.Equal(["x"], request.Stop);
        Assert.Equal([4], request.StopTokenIds);
        Assert.Equal(new Dictionary<int, float> { [5] = -100, [6] = 2.5f }, request.LogitBias);
        var prompt = Assert.IsType<ChatPrompt>(request.Prompt);
        Assert.False(prompt.AddGenerationPrompt);
        Assert.Equal("f", prompt.Tools!.Value[0].GetProperty("function").GetProperty("name").GetString());
        Assert.Equal(1, prompt.TemplateArguments!["k"].GetInt32());
    }

    [Fact]
    public async Task Post_NoModel_MeansTheBase()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{{Messages}}}");

        Assert.Equal(FakeEngine.Model, answer.Json.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Post_ToolChoiceNone_HidesTheToolsFromTheTemplate()
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $$"""{ {{Messages}},"tools":[{"type":"function","function":{"name":"f"} }],"tool_choice":"none"}""");

        Assert.Null(Assert.IsType<ChatPrompt>(Assert.Single(daemon.Engine.Requests).Request.Prompt).ShownTools);
    }

    [Fact]
    public async Task Post_Stream_SendsRoleTextFinishUsageAndDone()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stream":true,"stream_options":{"include_usage":true} }""");

        Assert.Equal("text/event-stream; charset=utf-8", answer.Response.Content.Headers.ContentType!.ToString());
        var events = answer.Events;
        Assert.Equal("[DONE]", events[^1]);
        var chunks = events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement).ToList();
        Assert.Equal("""{"role":"assistant","content":""}""", Delta(chunks[0]));
        Assert.Equal("""{"content":"Hello"}""", Delta(chunks[1]));
        Assert.Equal("""{"content":" world"}""", Delta(chunks[2]));
        Assert.Equal("{}", Delta(chunks[3]));
        Assert.Equal("stop", chunks[3].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(0, chunks[4].GetProperty("choices").GetArrayLength());
        Assert.Equal(2, chunks[4].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal(5, chunks.Count);
        Assert.Single(chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
    }

    [Fact]
    public async Task Post_StreamOfTwoChoices_OpensAndFinishesEach()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stream":true,"n":2}""");

        var choices = answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("choices")[0]).ToList();
        foreach (var index in new[] { 0, 1 })
        {
            var own = choices.Where(choice => choice.GetProperty("index").GetInt32() == index).ToList();
            Assert.Equal("assistant", own[0].GetProperty("delta").GetProperty("role").GetString());
            Assert.Equal("stop", own[^1].GetProperty("finish_reason").GetString());
            Assert.Equal(4, own.Count);
        }
    }

    [Fact]
    public async Task Post_ContinuousUsage_CountsInEveryChunk()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stream":true,"stream_options":{"continuous_usage_stats":true} }""");

        Assert.All(answer.Events.SkipLast(1), text => Assert.True(JsonDocument.Parse(text).RootElement.TryGetProperty("usage", out _)));
    }

    [Fact]
    public async Task Post_Logprobs_WritesTokensBytesAndFiniteNumbers()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"logprobs":true,"top_logprobs":2}""");

        var content = answer.Json.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content");
        Assert.Equal(2, content.GetArrayLength());
        Assert.Equal(
            """{"token":"Hello","logprob":-0.5,"bytes":[72,101,108,108,111],"top_logprobs":[{"token":"Hello","logprob":-0.5,"bytes":[72,101,108,108,111]},{"token":"other","logprob":-9999,"bytes":[111,116,104,101,114]}]}""",
            content[0].GetRawText());
    }

    [Fact]
    public async Task Post_StopString_IsNamedInTheAnswer()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "a", FinishReason = FinishReason.Stop, StopReason = request.Request.Stop.Count > 0 ? "END" : 42 });
            request.End();
        };

        var text = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stop":["END"]}""");
        var token = await daemon.PostAsync(Path, $$"""{ {{Messages}} }""");

        Assert.Equal("END", text.Json.GetProperty("choices")[0].GetProperty("stop_reason").GetString());
        Assert.Equal(42, token.Json.GetProperty("choices")[0].GetProperty("stop_reason").GetInt32());
    }

    [Fact]
    public async Task Post_FailureBeforeTheFirstEvent_HasItsOwnStatusAlsoWhenStreaming()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.AdapterInvalid, "rank 0", "model") });
            request.End();
        };

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stream":true}""");

        Assert.Equal(422, answer.Code);
        Assert.Equal("rank 0", answer.Message);
    }

    [Fact]
    public async Task Post_FailureInMidStream_IsAnErrorEventAndTheEnd()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "a", Tokens = [1] });
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.EngineFailed, "gone") });
            request.End();
        };

        var answer = await daemon.PostAsync(Path, $$"""{ {{Messages}},"stream":true}""");

        Assert.Equal(200, answer.Code);
        Assert.Equal("""{"error":{"message":"gone","type":"ServiceUnavailableError","param":null,"code":503}}""", answer.Events[^1]);
        Assert.DoesNotContain("[DONE]", answer.Text, StringComparison.Ordinal);
    }

    private static string Delta(JsonElement chunk) => chunk.GetProperty("choices")[0].GetProperty("delta").GetRawText();
}
