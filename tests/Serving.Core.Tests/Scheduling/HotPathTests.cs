using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;

namespace Serving.Core.Tests.Scheduling;

public sealed class HotPathTests : ISchedulerSink
{
    private readonly int[] _tokens = new int[128];
    private readonly Queue<AdapterLoad> _loads = [];

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(0, 3, 0)]
    [InlineData(0, 0, 5)]
    [InlineData(1, 0, 5)]
    public void ScheduleAndComplete_SteadyDecode_AllocateNothing(int depth, int drafts, int statePages)
    {
        var pages = (600 * (drafts + 1)) + (80 * statePages);
        var options = SchedulerHarness.Small with { PageCount = pages, MaxModelLength = 2048, MaxSequences = 32, MaxBatchedTokens = 128, MaxDraftTokens = drafts, StatePages = statePages };
        var scheduler = new Scheduler(options, this);
        for (var i = 0; i < 40; i++)
        {
            Assert.Null(scheduler.Submit(SchedulerHarness.Request(i, 20, 400 * (drafts + 1), adapter: i % 3 == 0 ? null : SchedulerHarness.Adapter(i % 3)), 0));
        }

        // The batch fills, adapters load, the queue holds eight more; then every step is 32 decodes and a page for two of them.
        var flight = new Queue<StepPlan>(2);
        Run(scheduler, flight, depth, steps: 60);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(scheduler, flight, depth, steps: 100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(32, scheduler.Snapshot().Running);
        Assert.Equal(drafts > 0, scheduler.Snapshot().AcceptedDrafts > 0);
    }

    // The tokens that this device samples: every guess comes true.
    int ISchedulerSink.Propose(Sequence sequence, Span<Draft> drafts)
    {
        drafts.Fill(new Draft(0, 1));
        return drafts.Length;
    }

    bool ISchedulerSink.IsReady(Sequence sequence) => true;

    TokenVerdict ISchedulerSink.OnToken(Sequence sequence, int token, int output) => TokenVerdict.Continue;

    void ISchedulerSink.OnPromptScored(Sequence sequence, int ordinal, int output)
    {
    }

    void ISchedulerSink.OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
    }

    void ISchedulerSink.OnAdapterLoad(AdapterLoad load) => _loads.Enqueue(load);

    void ISchedulerSink.OnModuleTransfer(ModuleTransfer transfer)
    {
    }

    private void Run(Scheduler scheduler, Queue<StepPlan> flight, int depth, int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            while (_loads.TryDequeue(out var load))
            {
                scheduler.AdapterReady(load.Digest);
            }

            if (scheduler.Schedule(i) is { } plan)
            {
                flight.Enqueue(plan);
            }

            if (flight.Count > depth)
            {
                var oldest = flight.Dequeue();
                scheduler.Complete(oldest, _tokens.AsSpan(0, oldest.Outputs.Length), i);
            }
        }
    }
}
