using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Telemetry;
using Serving.Engine.Tests.Grammars.Masks;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Constraints;

public sealed class SequenceConstraintTests
{
    private static readonly string[] Letters = ["a", "b", "c", "d", "e"];

    private static readonly TenantId Tenant = new("tenant");

    private readonly EngineStatistics _statistics = new();

    [Fact]
    public async Task Advance_ToAMaskThatIsNotAtHand_WaitsForAWorker()
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var workers = Workers(1, 8, made.SetResult);
        var sequence = Begin("ab", Text("ab"), workers);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(sequence.IsReady);
        Assert.Equal([1u << 2], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Stop, sequence.Advance(2));
        var counts = new long[_statistics.MaskWaitTime.Bounds.Length + 1];
        _statistics.MaskWaitTime.Read(counts);
        Assert.Equal(1, counts.Sum());
    }

    [Fact]
    public void Advance_WhereTooManyWait_WorksItOutItself()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.True(workers.TryPost(Tenant, Begin("ab", Text("ab"), workers)));
        var sequence = Begin("ab", Text("ab"), workers);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        Assert.True(sequence.IsReady);
        Assert.Equal([1u << 2], sequence.MaskBehind(0).ToArray());
    }

    /// <summary>A constraint without a grammar has no mask to come: working one out for it fails as nothing should. The thread goes on, and the failure is the sequence's, at its next token.</summary>
    [Fact]
    public async Task Advance_BehindAMaskThatFailedUnforeseen_ThrowsAndTheWorkersGoOn()
    {
        var made = new SemaphoreSlim(0);
        using var workers = Workers(1, 8, () => made.Release());
        var broken = RequestConstraint.Open(null, new TokenRules(4, 0, [0], [[2, 3]], null), workers, Tenant, out _)!.Begin();
        Assert.True(workers.TryPost(Tenant, broken));
        await made.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(broken.IsReady);
        var failure = Assert.Throws<InvalidOperationException>(() => broken.Advance(1));
        Assert.IsType<NullReferenceException>(failure.InnerException);
        var sequence = Begin("ab", Text("ab"), workers);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal([1u << 2], sequence.MaskBehind(0).ToArray());
    }

    /// <summary>Three masks of one tenant wait when another one asks for one: it comes second.</summary>
    [Fact]
    public async Task TryPost_AfterManyOfAnotherTenant_WaitsForOneOfThem()
    {
        using var gate = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        var order = new List<string>();
        var done = new SemaphoreSlim(0);
        SequenceConstraint[] all = [];
        using var workers = Workers(1, 8, () =>
        {
            begun.Set();
            gate.Wait(TestContext.Current.CancellationToken);
            order.Add(string.Concat(all.Select(static sequence => sequence.IsReady ? "+" : "-")));
            done.Release();
        });
        var first = Begin("ab", Text("ab"), workers);
        Assert.Equal(TokenVerdict.Continue, first.Advance(1));
        begun.Wait(TestContext.Current.CancellationToken);
        all = [.. Enumerable.Range(0, 3).Select(_ => Begin("ab", Text("ab"), workers)), Begin("ab", Text("ab"), workers, null, new TenantId("other"))];
        Assert.All(all, static sequence => Assert.Equal(TokenVerdict.Continue, sequence.Advance(1)));
        gate.Set();
        for (var i = 0; i < 5; i++)
        {
            await done.WaitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(["----", "+---", "+--+", "++-+", "++++"], order);
    }

    /// <summary>The engine has ended, and a choice that has: nobody needs their masks.</summary>
    [Fact]
    public void Dispose_MasksWait_AreNotWorkedOut()
    {
        var idle = Workers(0, 8, () => { });
        var waiting = Begin("ab", Text("ab"), idle);
        Assert.Equal(TokenVerdict.Continue, waiting.Advance(1));
        idle.Dispose();
        Assert.False(waiting.IsReady);
        Assert.False(idle.TryPost(Tenant, waiting));
        waiting.Abandon();
        waiting.WorkOut();
        Assert.False(waiting.IsReady);
    }

    /// <summary>The vocabulary has no x. The sequence is shown one more token, which is none that would end it, and then it fails.</summary>
    [Fact]
    public async Task Advance_ToWhereNoTokenGoesOn_IsADeadEndOnceThatIsKnown()
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var workers = Workers(1, 8, made.SetResult);
        var sequence = Begin("ab", Text("ax"), workers);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(sequence.IsReady);
        Assert.NotEqual(0u, sequence.MaskBehind(0)[0]);
        Assert.Equal(0u, sequence.MaskBehind(0)[0] & 1);
        Assert.Equal(TokenVerdict.DeadEnd, sequence.Advance(1));
    }

    [Fact]
    public void Advance_ByATokenThatIsNotAllowed_IsADeadEnd()
    {
        using var workers = Workers(1, 8, () => { });
        Assert.Equal(TokenVerdict.DeadEnd, Begin("ab", Text("ab"), workers).Advance(2));
    }

    /// <summary>The grammar takes a, then any number of b, then an end: rules take the end away until there are three tokens.</summary>
    [Fact]
    public async Task Advance_UnderAGrammarAndRules_AllowsWhatBothAllow()
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var workers = Workers(1, 8, () => made.TrySetResult());
        var sequence = Begin("ab", Then(Text("a"), Many(Text("b"))), workers, new TokenRules(3, 3, [0], [], null));
        Assert.Equal([1u << 1], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal([1u << 2], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([1u << 2], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([1u | (1u << 2)], sequence.MaskBehind(0).ToArray());
    }

    /// <summary>Rules that leave nothing of a grammar: an answer that is whole may end, one that is not is a dead end.</summary>
    [Theory]
    [InlineData(false, 1u, TokenVerdict.Continue)]
    [InlineData(true, 1u << 1, TokenVerdict.DeadEnd)]
    public async Task Advance_ToWhereRulesLeaveNothing_EndsAWholeAnswerOnly(bool more, uint mask, TokenVerdict then)
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var workers = Workers(1, 8, () => made.TrySetResult());
        var tail = Many(Text("b"));
        var sequence = Begin("ab", Then(Text("a"), more ? Then(Text("b"), tail) : tail), workers, new TokenRules(3, 5, [0], [[1, 2]], null));
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal([mask], sequence.MaskBehind(0).ToArray());
        Assert.Equal(then, more ? sequence.Advance(1) : TokenVerdict.Continue);
    }

    [Fact]
    public void Mask_OfRulesAlone_IsOfEveryTokenButThoseRuledOut()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = RequestConstraint.Open(null, new TokenRules(4, 1, [0], [[2, 3]], null), workers, Tenant, out _)!.Begin();
        Assert.Equal([0b1110u], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        Assert.Equal([0b1111u], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([0b0111u], sequence.MaskBehind(0).ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(0));
        Assert.Equal([0b1111u], sequence.MaskBehind(0).ToArray());
        Assert.True(sequence.IsReady);
    }

    [Fact]
    public void Rules_ThatLeaveNothing_CannotBeginOrAreADeadEnd()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.Null(RequestConstraint.Open(null, new TokenRules(4, 1, [0], [], [0]), workers, Tenant, out var outcome));
        Assert.Equal(MaskOutcome.DeadEnd, outcome);
        var sequence = RequestConstraint.Open(null, new TokenRules(4, 0, [0], [[2, 2]], [2]), workers, Tenant, out _)!.Begin();
        Assert.Equal(TokenVerdict.DeadEnd, sequence.Advance(2));
    }

    /// <summary>Tokens 1 to 5 are a to e: behind ab the grammar wants c, then d or e.</summary>
    [Fact]
    public void Follow_WhereTheGrammarLeavesNoChoice_GivesItsTokensAndTheMasksBehindThem()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = Known(Letters, Then(Text("abc"), Either(Text("da"), Text("eb"))), workers, 1, 2, 3, 4);
        Assert.Equal([(1, GuessKind.OnlyToken), (2, GuessKind.OnlyToken), (3, GuessKind.OnlyToken)], Follow(sequence));
        Assert.Equal([1u << 2], sequence.MaskBehind(1).ToArray());
        Assert.Equal([(1u << 4) | (1u << 5)], sequence.MaskBehind(3).ToArray());
        Assert.Equal([1u << 1], sequence.MaskBehind(0).ToArray());
    }

    [Fact]
    public void Follow_GuessesThatTheGrammarTakes_KeepsThemAndDropsThoseBehindAnother()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = Known(Letters, Then(Text("abc"), Either(Text("dac"), Text("eb"))), workers, 1, 2, 3, 4, 1);
        var forced = new[] { 1, 2, 3 }.Select(static token => (token, GuessKind.OnlyToken));
        Assert.Equal([.. forced, (4, GuessKind.AfterTwo), (1, GuessKind.OnlyToken)], Follow(sequence, 1, 2, 3, 4, 5));
        Assert.Equal(forced, Follow(sequence, 1, 2, 3, 1));
        Assert.Equal(forced, Follow(sequence, 1, 5, 3, 4));
    }

    /// <summary>Rules look at the guesses as if they had come: behind a and b the word ab c may not go on with c.</summary>
    [Fact]
    public void Follow_UnderRules_KeepsThemBehindEachGuess()
    {
        using var workers = Workers(0, 1, () => { });
        var rules = new TokenRules(6, 2, [0], [[1, 2, 3]], null);
        var sequence = RequestConstraint.Open(null, rules, workers, Tenant, out _)!.Begin();
        Assert.Equal([(1, GuessKind.AfterTwo), (2, GuessKind.AfterTwo)], Follow(sequence, 1, 2, 3, 4));
        Assert.Equal([0b111110u, 0b110111u], [sequence.MaskBehind(1)[0], sequence.MaskBehind(2)[0]]);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        Assert.Equal([(2, GuessKind.AfterTwo), (4, GuessKind.AfterTwo)], Follow(sequence, 2, 4));
        var both = Known(Letters, Then(Text("ab"), Either(Text("ca"), Text("da"))), workers, rules, 1, 2, 4);
        Assert.Equal([(1, GuessKind.OnlyToken), (2, GuessKind.OnlyToken), (4, GuessKind.OnlyToken)], Follow(both, 1, 2, 3));
    }

    /// <summary>Many words begin alike: each is a way of reading the text so far, and every guess would cost all of them.</summary>
    [Fact]
    public void Follow_TextThatCanBeReadInManyWays_FollowsNothing()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.NotEmpty(Follow(Known(Letters, Words(16), workers, null, 1), 1));
        Assert.Empty(Follow(Known(Letters, Words(17), workers, null, 1), 1));

        static Grammar Words(int count) =>
            new(Either([.. Enumerable.Range(0, count).Select(static i => new RuleExpression(i))]), [.. Enumerable.Range(0, count).Select(static i => Then(Many(Text("a"), 1), Text(new string('b', i + 1))))]);
    }

    /// <summary>The answer is complete with the last token: nothing is sampled behind it, so it needs no row.</summary>
    [Fact]
    public void Follow_ToTheEndOfTheAnswer_StopsBeforeIt()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = Known(Letters, Text("ab"), workers, 1);
        Assert.Equal([(1, GuessKind.OnlyToken)], Follow(sequence));
    }

    /// <summary>Nobody has been at the place behind the first token yet: what may come there is not known, and nobody waits for it.</summary>
    [Fact]
    public void Follow_ToAMaskThatIsNotAtHand_StopsBeforeIt()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.Empty(Follow(Begin("abcde", Text("abc"), workers)));
    }

    [Fact]
    public void Follow_TextThatTokensCutInSeveralWays_GuessesTheLongestToken()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = Known(["a", "b", "ab", "abc", "c", "d"], Then(Text("abc"), Either(Text("a"), Text("da"))), workers, 4);
        Assert.Equal([(4, GuessKind.OnlyText)], Follow(sequence));
    }

    // A choice behind another one that went these tokens ahead: the masks on their way are at hand.
    private static SequenceConstraint Known(string[] tokens, GrammarExpression expression, MaskWorkers workers, params int[] path) => Known(tokens, expression, workers, null, path);

    private static SequenceConstraint Known(string[] tokens, GrammarExpression expression, MaskWorkers workers, TokenRules? rules, params int[] path) =>
        Known(tokens, new Grammar(expression, []), workers, rules, path);

    private static SequenceConstraint Known(string[] tokens, Grammar grammar, MaskWorkers workers, TokenRules? rules, params int[] path)
    {
        var request = Start(tokens, grammar, workers, rules);
        var ahead = request.Begin();
        foreach (var token in path)
        {
            Assert.Equal(TokenVerdict.Continue, ahead.Advance(token));
            if (!ahead.IsReady)
            {
                ahead.WorkOut();
            }
        }

        return request.Begin();
    }

    private static (int, GuessKind)[] Follow(SequenceConstraint sequence, params int[] guesses)
    {
        var room = new Guess[8];
        for (var i = 0; i < guesses.Length; i++)
        {
            room[i] = new Guess(guesses[i], GuessKind.AfterTwo);
        }

        return [.. room[..sequence.Follow(room, guesses.Length)].Select(static guess => (guess.Token, guess.Kind))];
    }

    private MaskWorkers Workers(int threads, int capacity, Action done) => new(threads, capacity, new EngineClock(TimeProvider.System), _statistics, done);

    private static SequenceConstraint Begin(string letters, GrammarExpression expression, MaskWorkers workers, TokenRules? rules = null, TenantId? tenant = null) =>
        Start([.. letters.Select(static letter => letter.ToString())], new Grammar(expression, []), workers, rules, tenant).Begin();

    private static RequestConstraint Start(string[] tokens, Grammar grammar, MaskWorkers workers, TokenRules? rules, TenantId? tenant = null)
    {
        var vocabulary = new TokenVocabulary(RandomTokenizers.Of(tokens), tokens.Length + 1, [0]);
        var start = new TokenMatcher(new GrammarMasks(CompiledGrammar.Compile(grammar), vocabulary));
        return RequestConstraint.Open(start, rules, workers, tenant ?? Tenant, out _)!;
    }
}
