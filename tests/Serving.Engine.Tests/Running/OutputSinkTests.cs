using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.ToolCalls;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>What goes wrong while one answer's text is made is that request's failure: the engine thread goes on with all others.</summary>
public sealed class OutputSinkTests
{
    private readonly EngineStatistics _statistics = new();
    private readonly List<Exception> _faults = [];

    /// <summary>A sink that has nothing to read logprobs with: the request that asks for them meets what nobody foresaw.</summary>
    [Fact]
    public async Task OnToken_WhatNobodyForesaw_IsTheRequestsOwnFailure()
    {
        var sink = New();
        var broken = Begin(1, topLogprobs: 1);
        var other = Begin(2, topLogprobs: -1);
        Assert.Equal(TokenVerdict.Continue, sink.OnToken(other, 65, 0));
        Assert.Equal(TokenVerdict.Fault, sink.OnToken(broken, 65, 1));
        Assert.Equal(TokenVerdict.Continue, sink.OnToken(other, 66, 0));
        sink.OnFinished(broken, FinishReason.Failed, null, RequestError.Internal);
        await AssertFailedAsync(broken);
        Assert.False(((ActiveRequest)other.Request.Owner!).HasEnded);
    }

    /// <summary>A request of which nothing can be made: what the scheduler asks of it on the way to its first token is answered, and then it ends.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StateOf_CannotBeMade_IsTheRequestsOwnFailure(bool samples)
    {
        var sink = New();
        var broken = Begin(1, topLogprobs: -1, hasSource: false);
        Assert.True(sink.IsReady(broken));
        Assert.Equal(0, sink.Propose(broken, new Draft[4]));
        Assert.Same(sink.StateOf(broken), sink.StateOf(broken));
        if (samples)
        {
            Assert.Equal(TokenVerdict.Fault, sink.OnToken(broken, 65, 0));
        }

        sink.OnFinished(broken, FinishReason.Length, null, null);
        await AssertFailedAsync(broken);
    }

    /// <summary>What is read of a step beside tokens.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnPrompt_WhatNobodyForesaw_IsTheRequestsOwnFailure(bool embeds)
    {
        var sink = New();
        var broken = Begin(1, topLogprobs: 1);
        if (embeds)
        {
            sink.OnPromptEmbedded(broken, 0);
        }
        else
        {
            sink.OnPromptScored(broken, 1, 0);
        }

        sink.OnFinished(broken, FinishReason.Length, null, null);
        await AssertFailedAsync(broken);
    }

    /// <summary>A step takes what it can have of a sequence whose penalties cannot be put into it: what comes of that does not count.</summary>
    [Fact]
    public async Task AddPenalties_WhatNobodyForesaw_IsTheRequestsOwnFailure()
    {
        var sink = New();
        var broken = Begin(1, topLogprobs: -1, frequencyPenalty: 1);
        sink.StateOf(broken).AddPenalties(null!, []);
        Assert.Equal(0, sink.Propose(broken, new Draft[4]));
        Assert.Equal(TokenVerdict.Fault, sink.OnToken(broken, 65, 0));
        sink.OnFinished(broken, FinishReason.Failed, null, RequestError.Internal);
        await AssertFailedAsync<ArgumentNullException>(broken);
    }

    /// <summary>A sequence that was given up meanwhile was given up.</summary>
    [Fact]
    public void OnFinished_BrokenAndCancelled_IsCancelled()
    {
        var sink = New();
        var broken = Begin(1, topLogprobs: -1, hasSource: false);
        sink.OnFinished(broken, FinishReason.Cancelled, null, null);
        Assert.True(((ActiveRequest)broken.Request.Owner!).Events.TryRead(out var last));
        Assert.Equal((FinishReason.Cancelled, (RequestFailure?)null), (last.FinishReason, last.Failure));
    }

    private Task AssertFailedAsync(Sequence sequence) => AssertFailedAsync<NullReferenceException>(sequence);

    private async Task AssertFailedAsync<T>(Sequence sequence)
        where T : Exception
    {
        var active = (ActiveRequest)sequence.Request.Owner!;
        var last = await active.Events.ReadAllAsync(TestContext.Current.CancellationToken).LastAsync(TestContext.Current.CancellationToken);
        Assert.Equal((FinishReason.Failed, RequestError.Internal), (last.FinishReason, last.Failure!.Error));
        Assert.IsType<T>(Assert.Single(_faults));
        Assert.True(active.HasEnded);
    }

    private OutputSink New()
    {
        var options = new EngineOptions { Model = Repository.DemoModel };
        var model = LoadedModel.Open(options, isOnHost: true);
        var renderer = model.Renderer(TimeProvider.System);
        var reasoning = ReasoningProbe.Look(renderer, options.ReasoningParser);
        var tools = reasoning.Beside(ToolProbe.Look(renderer, options.ToolCallParser));
        var readers = new AnswerReaders(new ReasoningAnswers(model.Tokenizer, reasoning), new ToolAnswers(model.Tokenizer, tools));
        return new OutputSink(model.Tokenizer, readers, null!, null!, _statistics, [], static _ => { }, static _ => { }, (_, exception) => _faults.Add(exception));
    }

    private Sequence Begin(long id, int topLogprobs, bool hasSource = true, float frequencyPenalty = 0)
    {
        var request = new Request
        {
            Id = new RequestId(id),
            Tenant = RunningEngine.Tenant,
            Prompt = [1, 2, 3],
            Sampling = new SamplingParameters { MaxTokens = 8, TopLogprobs = topLogprobs, FrequencyPenalty = frequencyPenalty },
        };
        var admission = new AdmissionGate(new AdmissionController(8), new EngineClock(TimeProvider.System)).Enter(RunningEngine.Tenant, isPart: false, out _)!;
        request.Owner = new ActiveRequest(request, hasSource ? RunningEngine.Chat("base", "Hello!") : null!, null, 16, 0, _statistics, admission);
        return new Sequence(request, 0);
    }
}
