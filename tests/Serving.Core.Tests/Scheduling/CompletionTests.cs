using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class CompletionTests
{
    [Fact]
    public void Complete_StopToken_EndsUnreportedAndIsCounted()
    {
        var answer = Alone(Request(1, 20, 8));
        var stop = answer[3];
        var first = answer.IndexOf(stop);
        Sequence? ended = null;
        var harness = new SchedulerHarness { Verdict = (sequence, _) => Keep(sequence, ref ended) };
        var request = Request(1, 20, 8);
        harness.Submit(request with { Sampling = request.Sampling with { StopTokenIds = [-5, stop] } }).RunToEnd();
        Assert.Equal((FinishReason.Stop, stop, null), harness.Ends[(1, 0)]);
        Assert.Equal(answer.Take(first), harness.Outputs.GetValueOrDefault((1, 0)) ?? []);
        Assert.Equal(first + 1, ended?.OutputCount ?? 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_SinkFaults_EndsThisRequestAndNoOther(int depth)
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.Request.Id.Value == 1 && sequence.OutputCount == 2 ? TokenVerdict.Fault : TokenVerdict.Continue };
        harness.Submit(Request(1, 20, 8) with { Choices = 2 });
        harness.Submit(Request(2, 20, 8)).RunToEnd(depth);
        Assert.Equal((FinishReason.Failed, null, RequestError.Internal), harness.Ends[(1, 0)]);
        Assert.Equal((FinishReason.Failed, null, RequestError.Internal), harness.Ends[(1, 1)]);
        Assert.Equal((FinishReason.Length, null, null), harness.Ends[(2, 0)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_ReaderAborts_EndsTheWholeRequest(int depth)
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.OutputCount == 2 ? TokenVerdict.Abort : TokenVerdict.Continue };
        harness.Submit(Request(1, 20, 8) with { Choices = 3 }).RunToEnd(depth);
        Assert.All(harness.Ends.Values, end => Assert.Equal((FinishReason.Failed, null, RequestError.SlowReader), end));
        Assert.Equal(3, harness.Ends.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_DeadEnd_EndsTheWholeRequest(int depth)
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.Choice == 1 && sequence.OutputCount == 2 ? TokenVerdict.DeadEnd : TokenVerdict.Continue };
        harness.Submit(Constrained(1) with { Choices = 3 }).RunToEnd(depth);
        Assert.All(harness.Ends.Values, end => Assert.Equal((FinishReason.Failed, null, RequestError.ConstraintUnsatisfiable), end));
        Assert.Equal(3, harness.Ends.Count);
        Assert.Equal(2, harness.Outputs[(1, 1)].Count);
    }

    [Fact]
    public void Complete_DeadEndAfterTheLastToken_IsTheEnd()
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.OutputCount == 8 ? TokenVerdict.DeadEnd : TokenVerdict.Continue };
        harness.Submit(Constrained(1)).RunToEnd();
        Assert.Equal((FinishReason.Length, null, null), harness.Ends[(1, 0)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_StopString_NothingFollowsTheEnd(int depth)
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.OutputCount == 3 ? TokenVerdict.Stop : TokenVerdict.Continue };
        harness.Submit(Request(1, 20, 8)).RunToEnd(depth);
        Assert.Equal((FinishReason.Stop, null, null), harness.Ends[(1, 0)]);
        Assert.Equal(3, harness.Outputs[(1, 0)].Count);
        Assert.Equal(depth, harness.Scheduler.State.Marks.Discarded);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(3, 2)]
    public void Complete_ScorePrompt_ScoresEveryTokenButTheFirstOnce(int maxTokens, int choices)
    {
        var request = Request(1, 70, maxTokens) with { ScorePrompt = true, Choices = choices };
        var harness = new SchedulerHarness().Submit(Request(2, 70, 1, seed: 1)).RunToEnd().Submit(request).RunToEnd();
        Assert.Equal(Enumerable.Range(1, 69), harness.Scored.Select(scored => scored.Ordinal));
        Assert.Equal(FinishReason.Length, harness.Ends[(1, 0)].Reason);
        Assert.Equal(maxTokens, harness.Outputs.GetValueOrDefault((1, 0))?.Count ?? 0);
        Assert.Equal(choices, harness.Ends.Keys.Count(key => key.Request == 1));
    }

    /// <summary>Two prompts in one step, one of them with a prefix that was computed before, beside a request that scores its prompt and one that generates.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_EmbedPrompt_GivesTheHiddenStateOfTheLastRow(int depth)
    {
        var harness = new SchedulerHarness().Submit(Request(1, 70, 1, seed: 9)).RunToEnd();
        Request[] requests = [Request(2, 70, 0, seed: 9) with { EmbedPrompt = true }, Request(3, 5, 0) with { ScorePrompt = true }, Request(4, 9, 3), Request(5, 1, 0) with { EmbedPrompt = true }];
        Array.ForEach(requests, request => harness.Submit(request));
        var plan = harness.Launch()!;
        foreach (var output in plan.Outputs.ToArray().Where(output => output.Hidden >= 0))
        {
            var planned = plan.Sequences[output.SequenceIndex];
            Assert.Equal(planned.Sequence.Request.Id.Value == 2 ? 64 : 0, planned.FirstOrdinal);
            Assert.Equal(planned.Sequence.PromptCount - 1, planned.FirstOrdinal + output.Row - planned.FirstRow);
            Assert.Equal(planned.Sequence.Request.Id.Value == 2 ? 0 : 1, output.Hidden);
        }

        harness.Land();
        harness.RunToEnd(depth);
        Assert.Equal([(2, 0), (5, 1)], harness.Embedded.Order());
        foreach (var request in requests.Where(request => request.EmbedPrompt))
        {
            Assert.Equal((FinishReason.Length, null, null), harness.Ends[(request.Id.Value, 0)]);
            Assert.False(harness.Outputs.ContainsKey((request.Id.Value, 0)));
        }
    }

    [Fact]
    public void Submit_EmbedPromptThatGenerates_IsRefused()
    {
        var harness = new SchedulerHarness();
        Request[] wrong = [Request(1, 5, 1), Request(1, 5, 0) with { Choices = 2 }, Request(1, 5, 0) with { ScorePrompt = true }];
        Assert.All(wrong, request => Assert.Equal(RequestError.NotSupported, harness.Scheduler.Submit(request with { EmbedPrompt = true }, 0)));
    }

    [Fact]
    public void Complete_StalePlanAfterFail_IsIgnored()
    {
        var harness = new SchedulerHarness().Submit(Request(1));
        harness.Launch();
        harness.Scheduler.Fail(RequestError.EngineFailed);
        harness.Land();
        Assert.Equal((FinishReason.Failed, null, RequestError.EngineFailed), harness.Ends[(1, 0)]);
        Assert.Empty(harness.Outputs);
        harness.Submit(Request(2)).RunToEnd();
        Assert.Equal(8, harness.Outputs[(2, 0)].Count);
    }

    [Fact]
    public void Complete_WrongNumberOfTokens_Throws()
    {
        var harness = new SchedulerHarness().Submit(Request(1));
        var plan = harness.Launch()!;
        Assert.Throws<ArgumentException>(() => harness.Scheduler.Complete(plan, [], 1));
    }

    private static TokenVerdict Keep(Sequence sequence, ref Sequence? kept)
    {
        kept = sequence;
        return TokenVerdict.Continue;
    }
}
