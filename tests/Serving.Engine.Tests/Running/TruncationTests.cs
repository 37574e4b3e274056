using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Engine.Tests.Running;

/// <summary>Prompts that are cut: what is left is what is run, as if it had been sent.</summary>
public sealed class TruncationTests : IAsyncLifetime
{
    private const string Text = "The boat is in the cellar, and the lamp is red. Where is the boat?";

    private RunningEngine _engine = null!;

    public ValueTask InitializeAsync()
    {
        _engine = RunningEngine.Start();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_CutPrompt_IsThatOfTheTokensThatAreKept(bool keepsFirst)
    {
        var tokens = await TokensAsync(new TextPrompt(Text));
        int[] kept = keepsFirst ? tokens[..7] : tokens[^7..];
        var request = RunningEngine.Chat("base", "x", 8) with { Prompt = new TextPrompt(Text), Echo = true, TopLogprobs = 1, Truncation = new PromptTruncation(7, keepsFirst) };

        var (cut, usage) = await _engine.EventsAsync(request);
        var (sent, _) = await _engine.EventsAsync(request with { Prompt = new TokenPrompt(kept), Truncation = null });

        Assert.Equal(7, usage.PromptTokens);
        Assert.Equal(Said(sent), Said(cut));
        Assert.Equal(Probable(sent), Probable(cut));
    }

    [Fact]
    public async Task Run_CutConversation_KeepsItsEnd()
    {
        var request = RunningEngine.Chat("base", Text, 8);
        var tokens = await TokensAsync(request.Prompt, addSpecialTokens: false);
        var (cut, usage) = await _engine.EventsAsync(request with { Truncation = new PromptTruncation(12) });
        var (sent, _) = await _engine.EventsAsync(request with { Prompt = new TokenPrompt(tokens[^12..]) });
        Assert.Equal(12, usage.PromptTokens);
        Assert.Equal(Said(sent), Said(cut));
    }

    /// <summary>-1: as many tokens as the model's length leaves beside what is to be generated.</summary>
    [Fact]
    public async Task Run_CutToWhatFits_LeavesRoomForMaxTokens()
    {
        var length = _engine.Client.Description.MaxModelLength;
        var prompt = new TokenPrompt([.. Enumerable.Range(0, length + 50).Select(i => 300 + (i % 50))]);
        var request = RunningEngine.Chat("base", "x", 4) with { Prompt = prompt, Truncation = new PromptTruncation(-1), IgnoreEos = true };
        Assert.Equal(length - 4, (await _engine.EventsAsync(request)).Usage.PromptTokens);
        Assert.Equal(length - 1, (await _engine.EventsAsync(request with { MaxTokens = null, MaxTokensMayBeCut = true })).Usage.PromptTokens);
        Assert.Equal(length, (await _engine.EventsAsync(request with { MaxTokens = 0, Embedding = new EmbeddingOptions() })).Usage.PromptTokens);
    }

    [Fact]
    public async Task Embed_CutTextAndConversation_AreThoseOfTheirTokens()
    {
        var embed = RunningEngine.Chat("base", Text, 0) with { Embedding = new EmbeddingOptions() };
        var chat = new ChatPrompt(((ChatPrompt)embed.Prompt).Messages, AddGenerationPrompt: false);
        var conversation = await TokensAsync(chat, addSpecialTokens: false);
        var text = await TokensAsync(new TextPrompt(Text));

        Assert.Equal(await EmbedAsync(embed with { Prompt = new TokenPrompt(conversation) }), await EmbedAsync(embed with { Prompt = chat }));
        Assert.Equal(await EmbedAsync(embed with { Prompt = new TokenPrompt(text[^5..]) }), await EmbedAsync(embed with { Prompt = new TextPrompt(Text), Truncation = new PromptTruncation(5) }));
        Assert.Equal(await EmbedAsync(embed with { Prompt = new TokenPrompt(text[..5]) }), await EmbedAsync(embed with { Prompt = new TextPrompt(Text), Truncation = new PromptTruncation(5, KeepsFirst: true) }));
    }

    [Fact]
    public async Task Submit_WhatIsWrong_IsRefusedByField()
    {
        var request = RunningEngine.Chat("base", Text, 4);
        var length = _engine.Client.Description.MaxModelLength;
        foreach (var (wrong, error) in new[]
        {
            (request with { Truncation = new PromptTruncation(0) }, RequestError.InvalidRequest),
            (request with { Truncation = new PromptTruncation(-2) }, RequestError.InvalidRequest),
            (request with { Truncation = new PromptTruncation(length + 1) }, RequestError.InvalidRequest),
            (request with { Truncation = new PromptTruncation(-1), MaxTokens = length }, RequestError.InvalidRequest),
            (request with { Truncation = new PromptTruncation(5), SchemaName = "x" }, RequestError.NotSupported),
        })
        {
            var (stream, failure) = await _engine.Client.SubmitAsync(wrong, TestContext.Current.CancellationToken);
            Assert.Null(stream);
            Assert.Equal((error, "truncate_prompt_tokens"), (failure!.Error, failure.Parameter));
        }
    }

    private static string Said(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Text));

    private static List<float?> Probable(IEnumerable<GenerationEvent> events) => [.. events.SelectMany(happened => happened.Logprobs ?? []).Select(token => token.Logprob)];

    private async Task<int[]> TokensAsync(GenerationPrompt prompt, bool addSpecialTokens = true) =>
        [.. (await _engine.Client.TokenizeAsync(RunningEngine.Tenant, null, prompt, addSpecialTokens, TestContext.Current.CancellationToken)).Tokens];

    private async Task<IReadOnlyList<float>> EmbedAsync(GenerationRequest request) => (await _engine.EventsAsync(request)).Events[^1].Embedding!;
}
