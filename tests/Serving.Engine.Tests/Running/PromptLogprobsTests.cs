using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Engine.Tests.Running;

/// <summary>prompt_logprobs on the whole engine: those that echo gives, beside an answer that they change nothing of.</summary>
public sealed class PromptLogprobsTests : IAsyncLifetime
{
    private RunningEngine _engine = null!;

    public ValueTask InitializeAsync()
    {
        _engine = RunningEngine.Start();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task Run_Text_HasThoseOfEcho()
    {
        var request = RunningEngine.Chat("pirate", "x", 6) with { Prompt = new TextPrompt("The boat is in the cellar.") };
        var echo = (await _engine.EventsAsync(request with { Echo = true, TopLogprobs = 3, MaxTokens = 0 })).Events.Single(happened => happened.IsPrompt).Logprobs!;
        var (events, usage) = await _engine.EventsAsync(request with { PromptLogprobs = 3 });
        var (plain, _) = await _engine.EventsAsync(request);

        AssertSame(echo, events[0].PromptLogprobs!);
        Assert.Equal(usage.PromptTokens, echo.Count);
        Assert.Equal(Said(plain), Said(events));
        Assert.All(events, happened => Assert.True(happened.Logprobs is null && !happened.IsPrompt));
        AssertSame(echo, (await _engine.EventsAsync(request with { PromptLogprobs = 3, MaxTokens = 0 })).Events[0].PromptLogprobs!);
    }

    /// <summary>Each has as many likely tokens as were asked for of it, whichever is more.</summary>
    [Theory]
    [InlineData(1, 4)]
    [InlineData(4, 1)]
    [InlineData(0, 2)]
    public async Task Run_BesideLogprobsOfTheAnswer_HasItsOwnNumber(int prompt, int answer)
    {
        var request = RunningEngine.Chat("base", "What is the capital of France?", 4) with { Choices = 2, PromptLogprobs = prompt, TopLogprobs = answer };
        var (events, _) = await _engine.EventsAsync(request);
        var alone = (await _engine.EventsAsync(request with { PromptLogprobs = null })).Events;

        var scored = events.Where(happened => happened.PromptLogprobs is not null).ToList();
        Assert.Equal([0, 1], scored.Select(happened => happened.Choice).Order());
        Assert.All(scored.SelectMany(happened => happened.PromptLogprobs!.Skip(1)), token => Assert.Equal(prompt, token.Top.Count));
        var given = events.Where(happened => happened.Choice == 0).SelectMany(happened => happened.Logprobs ?? []).ToList();
        Assert.All(given, token => Assert.Equal(answer, token.Top.Count));
        AssertSame([.. alone.Where(happened => happened.Choice == 0).SelectMany(happened => happened.Logprobs ?? [])], given);
    }

    [Fact]
    public async Task Run_EchoOfOtherNumber_IsCutToItsOwn()
    {
        var request = RunningEngine.Chat("base", "x", 2) with { Prompt = new TextPrompt("A lamp."), Echo = true, TopLogprobs = 1, PromptLogprobs = 3 };
        var prompt = (await _engine.EventsAsync(request)).Events.Single(happened => happened.IsPrompt);
        Assert.Equal("A lamp.", prompt.Text);
        Assert.All(prompt.Logprobs!.Skip(1), token => Assert.Single(token.Top));
        Assert.All(prompt.PromptLogprobs!.Skip(1), token => Assert.Equal(3, token.Top.Count));
    }

    [Fact]
    public async Task Submit_MoreThanMayBeScored_IsRefused()
    {
        var length = _engine.Client.Description.MaxModelLength;
        var request = RunningEngine.Chat("base", "x", 1) with { Prompt = new TokenPrompt([.. Enumerable.Repeat(300, length - 1)]), PromptLogprobs = 20 };
        foreach (var (wrong, error) in new[] { (request with { PromptLogprobs = 21 }, RequestError.InvalidRequest), (request with { SchemaName = "x", Prompt = new TextPrompt("x") }, RequestError.NotSupported) })
        {
            var (stream, failure) = await _engine.Client.SubmitAsync(wrong, TestContext.Current.CancellationToken);
            Assert.Null(stream);
            Assert.Equal((error, "prompt_logprobs"), (failure!.Error, failure.Parameter));
        }

        var tooMany = new RequestValidator(new RequestLimits(200_000, 1000, 8), new(), new()).ValidateEncoded(request with { Choices = 2 }, [.. Enumerable.Repeat(3, 50_000)], 50_000);
        Assert.Equal((RequestError.InvalidRequest, "prompt_logprobs"), (tooMany!.Error, tooMany.Parameter));
    }

    private static string Said(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Text));

    private static void AssertSame(IReadOnlyList<TokenLogprob> expected, IReadOnlyList<TokenLogprob> given)
    {
        Assert.Equal(expected.Select(token => (token.Token, token.Logprob)), given.Select(token => (token.Token, token.Logprob)));
        Assert.Equal(expected.SelectMany(token => token.Top).Select(top => (top.Token, top.Logprob)), given.SelectMany(token => token.Top).Select(top => (top.Token, top.Logprob)));
    }
}
