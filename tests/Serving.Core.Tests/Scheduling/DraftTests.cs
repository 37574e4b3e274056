using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class DraftTests
{
    private static SchedulerOptions Drafting => Small with { MaxDraftTokens = 4 };

    [Fact]
    public void Complete_RightGuesses_BringAsManyTokensAndOneMore()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 4);
        var tokens = new List<int>();
        while (!harness.Ends.ContainsKey((1, 0)))
        {
            harness.Step();
            tokens.Add(harness.Outputs[(1, 0)].Count);
        }

        Assert.Equal([1, 6, 11, 16, 20], tokens);
        Assert.Equal(answer, harness.Outputs[(1, 0)]);
        Assert.Equal((FinishReason.Length, null, null), harness.Ends[(1, 0)]);
        var snapshot = harness.Scheduler.Snapshot();
        Assert.Equal((15, 15), (snapshot.DraftedTokens, snapshot.AcceptedDrafts));
        Assert.Equal(20, snapshot.Tenants[0].OutputTokens);
    }

    [Fact]
    public void Complete_WrongGuess_EndsWhatCountsBehindIt()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 4, wrongAt: 2);
        harness.Step();
        harness.Step();
        Assert.Equal(answer[..4], harness.Outputs[(1, 0)]);
        Assert.Equal(answer, harness.RunToEnd().Outputs[(1, 0)]);
    }

    [Fact]
    public void Schedule_RowsOfGuesses_StandBehindTheLastTokenWithOutputsOfTheirOwn()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 2);
        harness.Step();
        var plan = harness.Launch()!;
        Assert.Equal(answer[..3], plan.TokenIds.ToArray());
        Assert.Equal([10, 11, 12], plan.Positions.ToArray());
        Assert.Equal([new PlannedOutput(0, 0, -1, 1), new PlannedOutput(0, 1, -1, 2), new PlannedOutput(0, 2, -1, 3)], plan.Outputs.ToArray());
        Assert.Equal((3, 2), (plan.Sequences[0].RowCount, plan.Sequences[0].DraftCount));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void Complete_StopTokenAmongRightGuesses_EndsThere(int at)
    {
        var request = Request(1, 10, 20);
        var answer = Alone(request);
        var stopped = request with { Sampling = request.Sampling with { StopTokenIds = [answer[at]] } };
        var (harness, _) = Guessing(stopped, Drafting, count: 4, answer: answer);
        harness.RunToEnd();
        Assert.Equal(answer[..at], harness.Outputs[(1, 0)]);
        Assert.Equal((FinishReason.Stop, answer[at], null), harness.Ends[(1, 0)]);
    }

    /// <summary>Nothing is sampled behind it.</summary>
    [Fact]
    public void Schedule_GuessOfAStopToken_GetsNoRow()
    {
        var request = Request(1, 10, 20);
        var answer = Alone(request);
        var (harness, _) = Guessing(request with { Sampling = request.Sampling with { StopTokenIds = [answer[3]] } }, Drafting, count: 4, answer: answer);
        harness.Step();
        Assert.Equal(2, harness.Launch()!.Sequences[0].DraftCount);
        harness.Land();
        Assert.Equal((FinishReason.Stop, answer[3], null), harness.Ends[(1, 0)]);
    }

    [Fact]
    public void Complete_StopStringAmongRightGuesses_ReportsNothingBehindIt()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 4);
        harness.Verdict = (sequence, _) => sequence.OutputCount == 4 ? TokenVerdict.Stop : TokenVerdict.Continue;
        harness.RunToEnd();
        Assert.Equal(answer[..4], harness.Outputs[(1, 0)]);
        Assert.Equal(Drafting.PageCount, harness.Scheduler.Snapshot().FreePages + harness.Scheduler.Snapshot().CachedPages);
    }

    [Fact]
    public void Schedule_GuessesThatAreUnlikely_GetNoRow()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 4, chance: 0.01f);
        Assert.Equal(answer, harness.RunToEnd().Outputs[(1, 0)]);
        Assert.Equal(0, harness.Scheduler.Snapshot().DraftedTokens);
    }

    /// <summary>A row costs a sixteenth of a step without any: with few rows a guess is worth its row, with many it has to be surer.</summary>
    [Fact]
    public void Schedule_InACrowd_GivesFewerRowsToTheSameGuesses()
    {
        var options = Drafting with { MaxSequences = 31, PageCount = 256, MaxBatchedTokens = 128 };
        Assert.Equal(2, RowsOf(options, sequences: 1));
        Assert.Equal(1, RowsOf(options, sequences: 30));
    }

    [Fact]
    public void Schedule_BudgetOfRowsSpent_DraftsNothing()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting with { MaxBatchedTokens = 8 }, count: 4);
        harness.Submit(Request(2, 200, 1));
        harness.Step();
        harness.Step();
        harness.Step();
        var plan = harness.Launch()!;
        Assert.Equal(8, plan.RowCount);
        Assert.Equal(0, plan.Sequences.ToArray().Sum(sequence => sequence.DraftCount));
        harness.Land();
        Assert.Equal(answer, harness.RunToEnd().Outputs[(1, 0)]);
    }

    [Fact]
    public void Schedule_AtDepthOne_WaitsForHowManyWereRight()
    {
        var request = Request(1, 10, 20);
        var (harness, answer) = Guessing(request, Drafting, count: 4);
        harness.Step();
        harness.Launch();
        Assert.Null(harness.Launch());
        harness.Land();
        Assert.Equal(6, harness.Outputs[(1, 0)].Count);
        Assert.Equal(answer, harness.RunToEnd(depth: 1).Outputs[(1, 0)]);
    }

    [Fact]
    public void Complete_PreemptedWithGuessesInFlight_KeepsTheTokensAndComputesThemAgain()
    {
        var preempt = false;
        var request = Request(1, 10, 20);
        var options = Drafting with { PrefixCaching = false, Faults = new SchedulerFaults { PreemptNow = () => preempt } };
        var (harness, answer) = Guessing(request, options, count: 4);
        harness.Submit(Request(0, 10, 60));
        harness.Step();
        harness.Launch();
        preempt = true;
        Assert.NotNull(harness.Launch());
        preempt = false;
        harness.Land();
        Assert.Equal(6, harness.Outputs[(1, 0)].Count);
        harness.Land();
        Assert.Equal(answer, harness.RunToEnd().Outputs[(1, 0)]);
        Assert.Equal(1, harness.Scheduler.State.Marks.PreemptedInFlight);
    }

    private static int RowsOf(SchedulerOptions options, int sequences)
    {
        var request = Request(1, 10, 20);
        var (harness, _) = Guessing(request, options, count: 1, chance: 0.4f);
        for (var i = 2; i <= sequences; i++)
        {
            harness.Submit(Request(i, 1, 200));
        }

        while (!harness.Outputs.ContainsKey((1, 0)))
        {
            harness.Step();
        }

        var plan = harness.Launch()!;
        return plan.Sequences.ToArray().Single(sequence => sequence.Sequence.Request.Id.Value == 1).RowCount;
    }

    // A harness with a request whose coming tokens are guessed right, but for one place.
    private static (SchedulerHarness Harness, List<int> Answer) Guessing(Request request, SchedulerOptions options, int count, float chance = 0.9f, int wrongAt = -1, List<int>? answer = null)
    {
        var right = answer ?? Alone(request);
        var harness = new SchedulerHarness(options);
        harness.Guess = sequence => sequence.Request.Id != request.Id ? [] :
            [.. right.Skip(sequence.OutputCount).Take(count).Select((token, i) => (i == wrongAt ? token + 1 : token, chance))];
        return (harness.Submit(request), right);
    }
}
