using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Scores and orders by embeddings that are known: "x" and "y" stand at right angles, "xy" between them, "-x" opposite.</summary>
public sealed class ScoreEndpointTests
{
    private static readonly Dictionary<string, float[]> Embeddings = new()
    {
        ["x"] = [1, 0, 0, 0],
        ["y"] = [0, 1, 0, 0],
        ["xy"] = [0.6f, 0.8f, 0, 0],
        ["-x"] = [-1, 0, 0, 0],
    };

    [Fact]
    public async Task Score_OneTextWithOthers_AnswersAsVllmDoes()
    {
        await using var daemon = await StartAsync();

        var answer = await daemon.PostAsync("/v1/score", """{"model":"pirate","text_1":"x","text_2":["x","y","xy","-x"],"priority":7,"user":"me"}""");

        Assert.Equal(
            """[{"index":0,"object":"score","score":1},{"index":1,"object":"score","score":0},{"index":2,"object":"score","score":0.6},{"index":3,"object":"score","score":-1}]""",
            answer.Json.GetProperty("data").GetRawText());
        Assert.Equal(("list", "pirate"), (answer.Json.GetProperty("object").GetString(), answer.Json.GetProperty("model").GetString()));
        Assert.StartsWith("score-", answer.Json.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.True(answer.Json.GetProperty("created").GetInt64() > 0);
        Assert.Equal("""{"prompt_tokens":15,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":10}}""", answer.Json.GetProperty("usage").GetRawText());
        Assert.All(daemon.Engine.Requests, accepted => Assert.Equal((0, new EmbeddingOptions(), 7, "pirate"), (accepted.Request.MaxTokens, accepted.Request.Embedding, accepted.Request.Priority, accepted.Request.Model)));
        Assert.Equal([false, true, true, true, true], daemon.Engine.Requests.Select(accepted => accepted.Request.IsPart));
    }

    [Theory]
    [InlineData("""{"text_1":["x","y"],"text_2":["xy","xy"]}""", "0.6 0.8")]
    [InlineData("""{"queries":["x","y"],"documents":["xy","xy"]}""", "0.6 0.8")]
    [InlineData("""{"queries":"x","text_2":"x"}""", "1")]
    public async Task Score_EveryForm_ComparesPairs(string body, string scores)
    {
        await using var daemon = await StartAsync();

        var answer = await daemon.PostAsync("/v1/score", body);

        Assert.Equal(scores, string.Join(' ', answer.Json.GetProperty("data").EnumerateArray().Select(entry => entry.GetProperty("score").GetRawText())));
    }

    [Fact]
    public async Task Rerank_Documents_AreOrderedAndThoseOfEqualScoreStayInOrder()
    {
        await using var daemon = await StartAsync();

        var answer = await daemon.PostAsync("/v1/rerank", """{"query":"x","documents":["y",{"text":"xy"},"-x","y","x"]}""");
        var best = await daemon.PostAsync("/v2/rerank", """{"query":"x","documents":["y","xy","x"],"top_n":2,"return_documents":false}""");
        var many = await daemon.PostAsync("/rerank", """{"query":"x","documents":["y"],"top_n":9}""");

        Assert.Equal(
            """[{"index":4,"document":{"text":"x"},"relevance_score":1},{"index":1,"document":{"text":"xy"},"relevance_score":0.6},{"index":0,"document":{"text":"y"},"relevance_score":0},{"index":3,"document":{"text":"y"},"relevance_score":0},{"index":2,"document":{"text":"-x"},"relevance_score":-1}]""",
            answer.Json.GetProperty("results").GetRawText());
        Assert.StartsWith("rerank-", answer.Json.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal(18, answer.Json.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal("""[{"index":2,"relevance_score":1},{"index":1,"relevance_score":0.6}]""", best.Json.GetProperty("results").GetRawText());
        Assert.Equal(1, many.Json.GetProperty("results").GetArrayLength());
    }

    [Theory]
    [InlineData("/v1/score", "{}", "text_1")]
    [InlineData("/v1/score", """{"text_1":"x"}""", "text_2")]
    [InlineData("/v1/score", """{"text_1":[],"text_2":"x"}""", "text_1")]
    [InlineData("/v1/score", """{"queries":"x","documents":[]}""", "documents")]
    [InlineData("/v1/score", """{"text_1":["x","y"],"text_2":"x"}""", "text_1")]
    [InlineData("/v1/score", """{"text_1":"x","queries":"x","text_2":"x"}""", "queries")]
    [InlineData("/v1/score", """{"text_1":"x","text_2":"x","documents":"x"}""", "documents")]
    [InlineData("/v1/score", """{"text_1":"","text_2":"x"}""", "text_1")]
    [InlineData("/v1/score", """{"text_1":"x","text_2":["x",""]}""", "text_2")]
    [InlineData("/v1/score", """{"text_1":1,"text_2":"x"}""", "text_1")]
    [InlineData("/v1/score", """{"text_1":"x","text_2":"x","softmax":true}""", "softmax")]
    [InlineData("/v1/rerank", """{"documents":["x"]}""", "query")]
    [InlineData("/v1/rerank", """{"query":"x"}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":"x"}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":[]}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":[{"image":"x"}]}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":[{"text":"x","title":"y"}]}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":[{}]}""", "documents")]
    [InlineData("/v1/rerank", """{"query":"","documents":["x"]}""", "query")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["x"],"top_n":-1}""", "top_n")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["x"],"return_documents":1}""", "return_documents")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["x"],"truncate_prompt_tokens":-2}""", "truncate_prompt_tokens")]
    [InlineData("/v1/score", """{"text_1":"x","text_2":"x","truncation_side":"up"}""", "truncation_side")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["x"],"max_tokens_per_doc":5}""", "max_tokens_per_doc")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["x"],"rank_fields":["text"]}""", "rank_fields")]
    public async Task Post_WhatIsWrong_Is400NamingTheField(string path, string body, string field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(path, body);

        Assert.True((answer.Code, field) == (400, answer.Param?.Split('[')[0]), $"{answer.Code} {answer.Text}");
        Assert.Equal(0, daemon.Engine.Running);
    }

    [Theory]
    [InlineData("/v1/score", "\"text_1\":\"x\",\"text_2\":[\"y\"]")]
    [InlineData("/v1/rerank", "\"query\":\"x\",\"documents\":[\"y\"]")]
    public async Task Post_Truncation_HoldsForEveryText(string path, string fields)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Embed([1, 0, 0, 0]);

        Assert.Equal(200, (await daemon.PostAsync(path, $"{{{fields},\"truncate_prompt_tokens\":5}}")).Code);

        Assert.Equal([new PromptTruncation(5), new PromptTruncation(5)], daemon.Engine.Requests.Select(accepted => accepted.Request.Truncation));
    }

    private static async Task<TestDaemon> StartAsync()
    {
        var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Embed(Embeddings[((TextPrompt)request.Request.Prompt).Text]);
        return daemon;
    }
}
