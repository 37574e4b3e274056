using Serving.Core.Scheduling;
using Serving.Engine.Execution;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Telemetry;
using Serving.Engine.Tests.Grammars.Masks;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Constraints;

public sealed class SequenceConstraintTests
{
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
        Assert.Equal([1u << 2], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Stop, sequence.Advance(2));
        var counts = new long[_statistics.MaskWaitTime.Bounds.Length + 1];
        _statistics.MaskWaitTime.Read(counts);
        Assert.Equal(1, counts.Sum());
    }

    [Fact]
    public void Advance_WhereTooManyWait_WorksItOutItself()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.True(workers.TryPost(Begin("ab", Text("ab"), workers)));
        var sequence = Begin("ab", Text("ab"), workers);
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        Assert.True(sequence.IsReady);
        Assert.Equal([1u << 2], sequence.Mask.ToArray());
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
        Assert.NotEqual(0u, sequence.Mask[0]);
        Assert.Equal(0u, sequence.Mask[0] & 1);
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
        Assert.Equal([1u << 1], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        await made.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal([1u << 2], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([1u << 2], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([1u | (1u << 2)], sequence.Mask.ToArray());
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
        Assert.Equal([mask], sequence.Mask.ToArray());
        Assert.Equal(then, more ? sequence.Advance(1) : TokenVerdict.Continue);
    }

    [Fact]
    public void Mask_OfRulesAlone_IsOfEveryTokenButThoseRuledOut()
    {
        using var workers = Workers(0, 1, () => { });
        var sequence = RequestConstraint.Open(null, new TokenRules(4, 1, [0], [[2, 3]], null), workers, out _)!.Begin();
        Assert.Equal([0b1110u], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(1));
        Assert.Equal([0b1111u], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(2));
        Assert.Equal([0b0111u], sequence.Mask.ToArray());
        Assert.Equal(TokenVerdict.Continue, sequence.Advance(0));
        Assert.Equal([0b1111u], sequence.Mask.ToArray());
        Assert.True(sequence.IsReady);
    }

    [Fact]
    public void Rules_ThatLeaveNothing_CannotBeginOrAreADeadEnd()
    {
        using var workers = Workers(0, 1, () => { });
        Assert.Null(RequestConstraint.Open(null, new TokenRules(4, 1, [0], [], [0]), workers, out var outcome));
        Assert.Equal(MaskOutcome.DeadEnd, outcome);
        var sequence = RequestConstraint.Open(null, new TokenRules(4, 0, [0], [[2, 2]], [2]), workers, out _)!.Begin();
        Assert.Equal(TokenVerdict.DeadEnd, sequence.Advance(2));
    }

    private MaskWorkers Workers(int threads, int capacity, Action done) => new(threads, capacity, new EngineClock(TimeProvider.System), _statistics, done);

    private static SequenceConstraint Begin(string letters, GrammarExpression expression, MaskWorkers workers, TokenRules? rules = null)
    {
        var vocabulary = new TokenVocabulary(RandomTokenizers.Letters(letters), letters.Length + 1, [0]);
        var start = new TokenMatcher(new GrammarMasks(CompiledGrammar.Compile(new Grammar(expression, [])), vocabulary));
        return RequestConstraint.Open(start, rules, workers, out _)!.Begin();
    }
}
