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

    private MaskWorkers Workers(int threads, int capacity, Action done) => new(threads, capacity, new EngineClock(TimeProvider.System), _statistics, done);

    private static SequenceConstraint Begin(string letters, GrammarExpression expression, MaskWorkers workers)
    {
        var vocabulary = new TokenVocabulary(RandomTokenizers.Letters(letters), letters.Length + 1, [0]);
        var start = new TokenMatcher(new GrammarMasks(CompiledGrammar.Compile(new Grammar(expression, [])), vocabulary));
        var mask = new uint[start.MaskWords];
        Assert.Equal(MaskOutcome.Filled, start.Fill(mask));
        return new RequestConstraint(start, mask, workers).Begin();
    }
}
