using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

/// <summary>Random crowds with cancels, deadlines, forced preemptions and evictions: what ends undisturbed has the answer it gets alone, and nothing is left over.</summary>
public sealed class SchedulerScenarioTests
{
    private static Dictionary<string, List<int>> Answers { get; } = [];

    [Fact]
    public void RunToEnd_RandomCrowd_AnswersAreThoseGivenAlone() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            RunCrowd(seed);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    private static void RunCrowd(int seed)
    {
        var draw = new Draw(seed);
        var depth = draw.Below(2);
        var options = Small with
        {
            PageCount = 10 + draw.Below(30),
            MaxSequences = 1 + draw.Below(8),
            MaxBatchedTokens = 8 + draw.Below(40),
            AdapterSlots = 1 + draw.Below(4),
            MaxAdaptersPerStep = 1 + draw.Below(4),
            PrefixCaching = draw.Below(4) > 0,
            Faults = new SchedulerFaults { CollideKeys = draw.Below(4) == 0, PreemptNow = () => draw.Below(8) == 0, EvictNow = () => draw.Below(8) == 0 },
        };
        var harness = new SchedulerHarness(options) { LoadsAtOnce = true };
        var requests = Enumerable.Range(1, 20).Select(i => Draw(draw, i)).ToArray();
        foreach (var request in requests)
        {
            harness.Submit(request);
            for (var steps = draw.Below(4); steps > 0; steps--)
            {
                harness.Step(depth);
            }

            if (draw.Below(6) == 0)
            {
                harness.Scheduler.Cancel(new RequestId(1 + draw.Below((int)request.Id.Value)));
                harness.Scheduler.CheckIntegrity();
            }
        }

        harness.RunToEnd(depth);
        foreach (var request in requests)
        {
            CheckAnswers(harness, request);
        }

        CheckAtRest(harness);
    }

    private static Request Draw(Draw draw, int id)
    {
        var request = Request(id, 1 + draw.Below(60), 1 + draw.Below(30), Tenant(draw.Below(2) == 0 ? "a" : "b", 1 + draw.Below(3)), draw.Below(3) == 0 ? null : Adapter(draw.Below(5)), 1 + draw.Below(4));
        return request with
        {
            Choices = draw.Below(4) == 0 ? 3 : 1,
            ScorePrompt = draw.Below(6) == 0,
            Deadline = draw.Below(8) == 0 ? 1 + draw.Below(200) : long.MaxValue,
            Sampling = request.Sampling with { RepetitionPenalty = draw.Below(4) == 0 ? 1.1f : 1, StopTokenIds = draw.Below(3) == 0 ? [.. Enumerable.Range(0, 40)] : [] },
        };
    }

    private static void CheckAnswers(SchedulerHarness harness, Request request)
    {
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var (reason, _, error) = harness.Ends[(request.Id.Value, choice)];
            var actual = harness.Outputs.GetValueOrDefault((request.Id.Value, choice)) ?? [];
            var expected = AloneOnce(request, choice);
            if (error is null)
            {
                Assert.Equal(expected, actual);
            }
            else
            {
                Assert.True(reason is FinishReason.Cancelled or FinishReason.Failed);
                Assert.Equal(expected.Take(actual.Count), actual);
            }
        }

        if (request.ScorePrompt && harness.Ends[(request.Id.Value, 0)].Error is null)
        {
            Assert.Equal(Enumerable.Range(1, request.Prompt.Count - 1), harness.Scored.Where(scored => scored.Request == request.Id.Value).Select(scored => scored.Ordinal));
        }
    }

    private static void CheckAtRest(SchedulerHarness harness)
    {
        harness.AnswerLoads();
        harness.Scheduler.Fail(RequestError.EngineFailed);
        harness.Scheduler.CheckIntegrity();
        Assert.Equal(harness.Options.PageCount, harness.Scheduler.Snapshot().FreePages);
    }

    private static List<int> AloneOnce(Request request, int choice)
    {
        var stops = request.Sampling.StopTokenIds.Count;
        var key = $"{request.Prompt.Count}/{request.Prompt[0]}/{request.Sampling.MaxTokens}/{request.Tenant.Id}/{request.Adapter?.Digest}/{choice}/{stops}";
        if (!Answers.TryGetValue(key, out var answer))
        {
            Answers.Add(key, answer = Alone(request with { Deadline = long.MaxValue }, choice));
        }

        return answer;
    }
}
