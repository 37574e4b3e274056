using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;
using Serving.Server.Tests.Grpc;

namespace Serving.Server.Tests.Http;

public sealed class PromptLogprobsTests
{
    private const string Two =
        """[null,{"21":{"logprob":-1.25,"rank":2,"decoded_token":"second "},"20":{"logprob":-0.25,"rank":1,"decoded_token":"top "}},"""
        + """{"30":{"logprob":-9999,"rank":null,"decoded_token":"third"},"20":{"logprob":-0.25,"rank":1,"decoded_token":"top "},"21":{"logprob":-1.25,"rank":2,"decoded_token":"top "}}]""";

    private const string Chat = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    [Fact]
    public async Task Post_Chat_HasThemBesideItsChoices()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/v1/chat/completions", $"{{{Chat},\"prompt_logprobs\":2,\"n\":2}}");

        Assert.Equal(Two, answer.Json.GetProperty("prompt_logprobs").GetRawText());
        Assert.Equal("Hello world", answer.Json.GetProperty("choices")[1].GetProperty("message").GetProperty("content").GetString());
        Assert.False((await daemon.PostAsync("/v1/chat/completions", $"{{{Chat}}}")).Json.TryGetProperty("prompt_logprobs", out _));
    }

    [Fact]
    public async Task Post_Completions_HaveThemWithEveryChoice()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/v1/completions", """{"prompt":["a","b"],"prompt_logprobs":2,"max_tokens":0}""");

        Assert.Equal([Two, Two], answer.Json.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("prompt_logprobs").GetRawText()));
        Assert.All(daemon.Engine.Requests, accepted => Assert.Equal((2, null, 0), (accepted.Request.PromptLogprobs, accepted.Request.TopLogprobs, accepted.Request.MaxTokens)));
    }

    [Theory]
    [InlineData("/v1/chat/completions", Chat + ",\"prompt_logprobs\":21")]
    [InlineData("/v1/chat/completions", Chat + ",\"prompt_logprobs\":-1")]
    [InlineData("/v1/chat/completions", Chat + ",\"prompt_logprobs\":1,\"stream\":true")]
    [InlineData("/v1/completions", "\"prompt\":\"x\",\"prompt_logprobs\":1,\"stream\":true")]
    [InlineData("/v1/completions", "\"prompt\":\"x\",\"prompt_logprobs\":true")]
    [InlineData("/v1/responses", "\"input\":\"x\",\"prompt_logprobs\":1")]
    [InlineData("/v1/embeddings", "\"input\":\"x\",\"prompt_logprobs\":1")]
    public async Task Post_WhatIsWrong_Is400NamingIt(string path, string fields)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(path, $"{{{fields}}}");

        Assert.Equal((400, "prompt_logprobs"), (answer.Code, answer.Param));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Grpc_Generate_HasThemAndAStreamIsRefused()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var message = GenerateTests.Hello;
        message.PromptLogprobs = 1;

        var whole = (await client.CallAsync(GenerateTests.Generate, message)).Single<GenerateResponse>();
        var streamed = await client.CallAsync(GenerateTests.GenerateStream, message);

        Assert.Equal([(0, false, 0f), (21, true, -1.25f), (30, true, float.NegativeInfinity)], whole.PromptLogprobs.Select((token, index) => (index == 0 ? 0 : token.TokenId, token.HasLogprob, token.Logprob)));
        Assert.Equal(20, Assert.Single(whole.PromptLogprobs[1].Top).TokenId);
        Assert.Equal(GrpcStatusCode.Unimplemented, streamed.Code);
        Assert.Contains("prompt_logprobs", streamed.Message, StringComparison.Ordinal);
    }
}
