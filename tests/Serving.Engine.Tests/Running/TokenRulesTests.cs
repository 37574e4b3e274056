using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>min_tokens, bad_words and allowed_token_ids, by a whole engine with the bundled model.</summary>
public sealed class TokenRulesTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    [Fact]
    public async Task MinTokens_OfAnswersThatWouldEndEarlier_HoldsTheirEndBack()
    {
        const int Least = 30;
        await using var engine = RunningEngine.Start();
        foreach (var reference in ReferenceCase.Of("terse").Take(6))
        {
            var free = (await engine.RunAsync(Ask("terse", reference)))[0];
            Assert.Equal(reference.OutputText, free.Text);
            var held = (await engine.RunAsync(Ask("terse", reference) with { MinTokens = Least }))[0];
            var ignored = (await engine.RunAsync(Ask("terse", reference) with { MinTokens = Least, IgnoreEos = true }))[0];
            Assert.True(IdsOf(free).Length < Least);
            Assert.StartsWith(free.Tokens, held.Tokens, StringComparison.Ordinal);
            Assert.True(IdsOf(held).Length >= Least && held.Reason is FinishReason.Stop or FinishReason.Length);
            Assert.All(IdsOf(ignored)[..Least], id => Assert.NotEqual(Tokenizer.EosTokenId, id));
            Assert.Equal(FinishReason.Length, ignored.Reason);
        }
    }

    /// <summary>Stop token ids and stop strings count from the first token behind the least ones, and no earlier.</summary>
    [Fact]
    public async Task MinTokens_BesideStops_HoldsThemBackToo()
    {
        await using var engine = RunningEngine.Start();
        var request = Ask("base", ReferenceCase.Of("base")[0]) with { IgnoreEos = true };
        var free = IdsOf((await engine.RunAsync(request))[0]);
        var held = IdsOf((await engine.RunAsync(request with { StopTokenIds = [free[2]], MinTokens = 20 }))[0]);
        Assert.True(held.Length >= 20);
        Assert.DoesNotContain(free[2], held[..20]);

        var first = (await engine.RunAsync(request with { Stop = ["a", "e", "i", "o"] }))[0];
        var later = (await engine.RunAsync(request with { Stop = ["a", "e", "i", "o"], MinTokens = 20 }))[0];
        Assert.Equal(FinishReason.Stop, later.Reason);
        Assert.NotNull(later.Stop);
        Assert.True(IdsOf(first).Length < 20);
        Assert.InRange(IdsOf(later).Length, 21, 40);
    }

    /// <summary>Words of one token and of several: neither their tokens at the beginning of a text nor those behind a space come one after the other.</summary>
    [Fact]
    public async Task BadWords_OfWhatWouldBeAnswered_AreNotInTheAnswer()
    {
        await using var engine = RunningEngine.Start();
        foreach (var reference in ReferenceCase.Of("base").Take(6))
        {
            var request = Ask("base", reference);
            var words = (await engine.RunAsync(request))[0].Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct().Take(10).ToList();
            var answer = (await engine.RunAsync(request with { BadWords = words }))[0];
            var text = " " + string.Join(' ', IdsOf(answer)) + " ";
            Assert.NotEqual(reference.OutputText, answer.Text);
            Assert.All(
                words.SelectMany(word => new[] { word, " " + word }).Select(spelling => string.Join(' ', Tokenizer.EncodeToIds(spelling, addSpecialTokens: false))),
                tokens => Assert.DoesNotContain($" {tokens} ", text, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task AllowedTokenIds_AtAnyTemperature_AreTheOnlyOnes()
    {
        await using var engine = RunningEngine.Start();
        int[] allowed = [.. Tokenizer.EncodeToIds("Paris is a town", addSpecialTokens: false).Distinct()];
        var request = Ask("base", ReferenceCase.Of("base")[0]) with { AllowedTokenIds = allowed, Temperature = 1.5f, Seed = 3, Choices = 3, MaxTokens = 40 };
        foreach (var answer in await engine.RunAsync(request))
        {
            Assert.Equal(FinishReason.Length, answer.Reason);
            Assert.Equal(40, IdsOf(answer).Length);
            Assert.Empty(IdsOf(answer).Except(allowed));
        }

        var ended = (await engine.RunAsync(request with { AllowedTokenIds = [Tokenizer.EosTokenId!.Value], Choices = 1 }))[0];
        Assert.Equal((FinishReason.Stop, ""), (ended.Reason, ended.Text));
    }

    /// <summary>A pattern that could end after any letter, which the least number of tokens holds back, and a letter that is forbidden in it.</summary>
    [Fact]
    public async Task Rules_BesideAPattern_AreKeptToo()
    {
        await using var engine = RunningEngine.Start();
        var requests = Enumerable.Range(0, 12).Select(seed => Ask("base", ReferenceCase.Of("base")[seed]) with
        {
            Constraint = new PatternConstraint("[a-e]+", "guided_regex"),
            Temperature = 1.5f,
            Seed = seed,
            MinTokens = 15,
            BadWords = ["c"],
        });
        foreach (var answer in await Task.WhenAll(requests.Select(engine.RunAsync)))
        {
            Assert.Matches("^[a-e]+$", answer[0].Text);
            Assert.True(IdsOf(answer[0]).Length >= 15);
            Assert.DoesNotContain(Tokenizer.EncodeToIds("c", addSpecialTokens: false)[0], IdsOf(answer[0]));
        }
    }

    [Fact]
    public async Task Submit_OfRulesThatCannotBeKept_IsRefusedByItsField()
    {
        await using var engine = RunningEngine.Start();
        var eos = Tokenizer.EosTokenId!.Value;
        await RefusedAsync(request => request with { MinTokens = 1, AllowedTokenIds = [eos] }, "allowed_token_ids");
        await RefusedAsync(request => request with { AllowedTokenIds = [] }, "allowed_token_ids");
        await RefusedAsync(request => request with { AllowedTokenIds = [int.MaxValue] }, "allowed_token_ids");
        await RefusedAsync(request => request with { MinTokens = 65 }, "min_tokens");
        await RefusedAsync(request => request with { MinTokens = 100_000, MaxTokens = null }, "min_tokens");
        await RefusedAsync(request => request with { BadWords = [""] }, "bad_words");
        await RefusedAsync(request => request with { Constraint = new PatternConstraint("a", "guided_regex"), AllowedTokenIds = [eos] }, "guided_regex");

        async Task RefusedAsync(Func<GenerationRequest, GenerationRequest> change, string field)
        {
            var (stream, failure) = await engine.Client.SubmitAsync(change(Ask("base", ReferenceCase.Of("base")[0])), TestContext.Current.CancellationToken);
            Assert.Null(stream);
            Assert.Equal((RequestError.InvalidRequest, field), (failure!.Error, failure.Parameter));
        }
    }

    /// <summary>Rules that leave nothing in the middle of an answer fail it, and nobody else.</summary>
    [Fact]
    public async Task Rules_ThatLeaveNothingLater_FailTheRequest()
    {
        await using var engine = RunningEngine.Start();
        var reference = ReferenceCase.Of("base")[0];
        var word = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".Select(letter => new string(letter, 2)).First(word => Tokenizer.EncodeToIds(word, addSpecialTokens: false) is [var a, var b] && a == b);
        var neighbour = engine.RunAsync(Ask("base", reference));
        var answer = (await engine.RunAsync(Ask("base", reference) with { AllowedTokenIds = [Tokenizer.EncodeToIds(word, addSpecialTokens: false)[0]], BadWords = [word] }))[0];
        Assert.Equal((FinishReason.Failed, RequestError.ConstraintUnsatisfiable), (answer.Reason!.Value, answer.Failure!.Error));
        Assert.Equal(reference.OutputText, (await neighbour)[0].Text);
        await engine.QuiesceAsync();
    }

    private static GenerationRequest Ask(string model, ReferenceCase reference) => RunningEngine.Chat(model, reference.Messages) with { TopLogprobs = 0 };

    private static int[] IdsOf(Answer answer) => [.. answer.Tokens.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
