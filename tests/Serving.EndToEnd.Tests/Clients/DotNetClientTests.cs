using System.ClientModel;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using Serving.EndToEnd.Tests.Daemon;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>OpenAI's own client for .NET against the running daemon.</summary>
public sealed class DotNetClientTests(SharedDaemon daemon) : IClassFixture<SharedDaemon>
{
    private const string Question = "What is the capital of France?";

    [Fact]
    public async Task CompleteChat_Whole_HasTextUsageAndFinishReason()
    {
        var completion = (await Chat("pirate").CompleteChatAsync([new UserChatMessage(Question)], Greedy())).Value;

        Assert.Contains("Paris", completion.Content[0].Text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.Stop, completion.FinishReason);
        Assert.Equal("pirate", completion.Model);
        Assert.Equal(ChatMessageRole.Assistant, completion.Role);
        Assert.True(completion.Usage.InputTokenCount > 0);
        Assert.Equal(completion.Usage.InputTokenCount + completion.Usage.OutputTokenCount, completion.Usage.TotalTokenCount);
    }

    [Fact]
    public async Task CompleteChat_Streamed_GivesTheSameText()
    {
        var whole = (await Chat("json").CompleteChatAsync([new UserChatMessage(Question)], Greedy())).Value.Content[0].Text;
        var (text, reason, usage) = ("", (ChatFinishReason?)null, (ChatTokenUsage?)null);

        await foreach (var update in Chat("json").CompleteChatStreamingAsync([new UserChatMessage(Question)], Greedy()))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            reason = update.FinishReason ?? reason;
            usage = update.Usage ?? usage;
        }

        Assert.Equal(whole, text);
        Assert.Equal(ChatFinishReason.Stop, reason);
        Assert.True(usage!.OutputTokenCount > 0);
    }

    [Fact]
    public async Task CompleteChat_Logprobs_AreReadable()
    {
        var options = Greedy();
        options.IncludeLogProbabilities = true;
        options.TopLogProbabilityCount = 2;

        var completion = (await Chat("tiny-chat-5m").CompleteChatAsync([new UserChatMessage(Question)], options)).Value;

        Assert.Equal(completion.Content[0].Text, string.Concat(completion.ContentTokenLogProbabilities.Select(token => token.Token)));
        Assert.All(completion.ContentTokenLogProbabilities, token => Assert.Equal(2, token.TopLogProbabilities.Count));
    }

    [Fact]
    public async Task GenerateEmbeddings_AreReadable()
    {
        var client = Client(SharedDaemon.Key).GetEmbeddingClient("pirate");

        var two = (await client.GenerateEmbeddingsAsync(["Ahoy!", Question])).Value;
        var short1 = (await client.GenerateEmbeddingAsync(Question, new EmbeddingGenerationOptions { Dimensions = 32 })).Value;

        Assert.Equal([256, 256], two.Select(embedding => embedding.ToFloats().Length));
        Assert.Equal([0, 1], two.Select(embedding => embedding.Index));
        Assert.True(two.Usage.InputTokenCount > 0);
        Assert.Equal(1, two[1].ToFloats().ToArray().Sum(element => (double)element * element), 1e-5);
        var scale = short1.ToFloats().Span[0] / two[1].ToFloats().Span[0];
        Assert.All(Enumerable.Range(0, 32), i => Assert.Equal(two[1].ToFloats().Span[i] * scale, short1.ToFloats().Span[i], 1e-5f));
    }

    [Fact]
    public async Task GetModels_ListsTheBaseAndItsAdapters()
    {
        var models = (await Client(SharedDaemon.Key).GetOpenAIModelClient().GetModelsAsync()).Value;

        Assert.Equal(["tiny-chat-5m", "acme", "french", "json", "pirate", "shout", "terse"], models.Select(model => model.Id));
    }

    [Fact]
    public async Task CompleteChat_Errors_AreTyped()
    {
        var unknown = await Assert.ThrowsAsync<ClientResultException>(() => Chat("nobody").CompleteChatAsync([new UserChatMessage("x")]));
        var wrong = await Assert.ThrowsAsync<ClientResultException>(() => Chat("json").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { Temperature = 9 }));
        var keyless = await Assert.ThrowsAsync<ClientResultException>(() => Client("wrong").GetChatClient("json").CompleteChatAsync([new UserChatMessage("x")]));

        Assert.Equal((404, 400, 401), (unknown.Status, wrong.Status, keyless.Status));
        Assert.Contains("temperature", wrong.Message, StringComparison.Ordinal);
    }

    private static ChatCompletionOptions Greedy() => new() { Temperature = 0, MaxOutputTokenCount = 64 };

    private ChatClient Chat(string model) => Client(SharedDaemon.Key).GetChatClient(model);

    private OpenAIClient Client(string key) => new(new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = daemon.Api });
}
