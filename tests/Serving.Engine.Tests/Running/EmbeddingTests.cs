using Serving.Core.Requests;
using Serving.Engine.Execution;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;

namespace Serving.Engine.Tests.Running;

/// <summary>Embeddings, on the whole engine with the bundled model.</summary>
public sealed class EmbeddingTests : IAsyncLifetime
{
    private const int HiddenSize = 256;

    private RunningEngine _engine = null!;

    public ValueTask InitializeAsync()
    {
        _engine = RunningEngine.Start();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    /// <summary>
    /// What is embedded is what the next token is predicted from: the differences of the likeliest tokens' logprobs are those of its products with their rows of the embedding matrix,
    /// which is the output projection too.
    /// </summary>
    [Theory]
    [InlineData("base")]
    [InlineData("pirate")]
    public async Task Embed_WithoutNormalizing_IsWhatTheNextTokenIsPredictedFrom(string model)
    {
        var messages = ReferenceCase.Of(model)[2].Messages;
        var chosen = Assert.Single((await _engine.EventsAsync(RunningEngine.Chat(model, messages, 1) with { TopLogprobs = 20 })).Events, happened => happened.Logprobs is not null).Logprobs![0];
        var embedding = await EmbedAsync(RunningEngine.Chat(model, messages) with { Embedding = new EmbeddingOptions(Normalize: false) });
        var rows = DemoMatrix.Rows("model.embed_tokens.weight", HiddenSize, [.. chosen.Top.Select(token => token.Token)]);
        double Product(int index) => Enumerable.Range(0, HiddenSize).Sum(i => (double)embedding[i] * rows[index][i]);
        for (var i = 1; i < chosen.Top.Count; i++)
        {
            Assert.Equal((double)(chosen.Top[i].Logprob - chosen.Top[0].Logprob)!, Product(i) - Product(0), 1e-3);
        }
    }

    [Fact]
    public async Task Embed_CutAndNormalized_IsTheBeginningScaled()
    {
        var request = Text("base", "A boat in the cellar.");
        var raw = await EmbedAsync(request with { Embedding = new EmbeddingOptions(Normalize: false) });
        var unit = await EmbedAsync(request);
        var cut = await EmbedAsync(request with { Embedding = new EmbeddingOptions(16) });
        Assert.Equal(HiddenSize, raw.Count);
        Assert.Equal(EmbeddingReader.Normalized([.. raw]), unit);
        Assert.Equal(EmbeddingReader.Normalized([.. raw.Take(16)]), cut);
        Assert.Equal(1, unit.Sum(element => (double)element * element), 1e-6);
        Assert.Equal(raw.Take(16), await EmbedAsync(request with { Embedding = new EmbeddingOptions(16, Normalize: false) }));
    }

    [Fact]
    public async Task Embed_PromptOfACachedPrefix_CountsItAndIsTheSame()
    {
        var request = Text("base", string.Concat(Enumerable.Repeat("The chess race starts at seven in room three. ", 8)));
        var first = await _engine.EventsAsync(request);
        var second = await _engine.EventsAsync(request);
        Assert.Equal(first.Events[^1].Embedding, second.Events[^1].Embedding);
        Assert.Equal((0, 0), (first.Usage.CachedTokens, first.Usage.CompletionTokens));
        Assert.InRange(second.Usage.CachedTokens, 48, second.Usage.PromptTokens - 1);
        Assert.Equal((FinishReason.Length, ""), (second.Events.Single().FinishReason, second.Events.Single().Text));
    }

    [Fact]
    public async Task Embed_OtherAdapter_IsAnother()
    {
        var embeddings = await Task.WhenAll(ReferenceCase.Models.Select(model => EmbedAsync(Text(model, "What is the capital of France?"))));
        Assert.Equal(embeddings.Length, embeddings.Select(embedding => string.Join(' ', embedding)).Distinct().Count());
    }

    [Fact]
    public async Task Embed_WhatIsWrong_IsRefusedByField()
    {
        async Task<(RequestError, string?)> RefusalAsync(GenerationRequest request)
        {
            var (stream, failure) = await _engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
            Assert.Null(stream);
            return (failure!.Error, failure.Parameter);
        }

        var request = Text("base", "x");
        Assert.Equal((RequestError.InvalidRequest, "dimensions"), await RefusalAsync(request with { Embedding = new EmbeddingOptions(HiddenSize + 1) }));
        Assert.Equal((RequestError.InvalidRequest, "dimensions"), await RefusalAsync(request with { Embedding = new EmbeddingOptions(0) }));
        Assert.Equal((RequestError.InvalidRequest, "max_tokens"), await RefusalAsync(request with { MaxTokens = 1 }));
        Assert.Equal((RequestError.InvalidRequest, "max_tokens"), await RefusalAsync(request with { Choices = 2 }));
        Assert.Equal((RequestError.InvalidRequest, "input"), await RefusalAsync(request with { Prompt = new TextPrompt(""), PromptField = "input" }));
        Assert.Equal((RequestError.ContextTooLong, "input"), await RefusalAsync(request with { Prompt = new TokenPrompt([.. Enumerable.Repeat(7, 2049)]), PromptField = "input" }));
    }

    [Fact]
    public void Normalized_Zeros_StayZeros() => Assert.Equal([0f, 0f], EmbeddingReader.Normalized([0, 0]));

    private static GenerationRequest Text(string model, string text) =>
        RunningEngine.Chat(model, "", 0) with { Prompt = new TextPrompt(text), Embedding = new EmbeddingOptions() };

    private async Task<IReadOnlyList<float>> EmbedAsync(GenerationRequest request)
    {
        var (events, _) = await _engine.EventsAsync(request with { MaxTokens = 0 });
        return events.Single().Embedding!;
    }
}
