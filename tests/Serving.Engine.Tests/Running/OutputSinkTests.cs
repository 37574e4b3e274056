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
        Assert.IsType<NullReferenceException>(Assert.Single(_faults));
        Assert.Equal(TokenVerdict.Continue, sink.OnToken(other, 66, 0));
        sink.OnFinished(broken, FinishReason.Failed, null, RequestError.Internal);
        var last = await ((ActiveRequest)broken.Request.Owner!).Events.ReadAllAsync(TestContext.Current.CancellationToken).LastAsync(TestContext.Current.CancellationToken);
        Assert.Equal((FinishReason.Failed, RequestError.Internal), (last.FinishReason, last.Failure!.Error));
        Assert.True(((ActiveRequest)broken.Request.Owner!).HasEnded);
        Assert.False(((ActiveRequest)other.Request.Owner!).HasEnded);
    }

    private OutputSink New()
    {
        var options = new EngineOptions { Model = Repository.DemoModel };
        var model = LoadedModel.Open(options);
        var renderer = model.Renderer(TimeProvider.System);
        var reasoning = ReasoningProbe.Look(renderer, options.ReasoningParser);
        var tools = reasoning.Beside(ToolProbe.Look(renderer, options.ToolCallParser));
        var readers = new AnswerReaders(new ReasoningAnswers(model.Tokenizer, reasoning), new ToolAnswers(model.Tokenizer, tools));
        return new OutputSink(model.Tokenizer, readers, null!, null!, _statistics, [], static _ => { }, static _ => { }, (_, exception) => _faults.Add(exception));
    }

    private Sequence Begin(long id, int topLogprobs)
    {
        var request = new Request
        {
            Id = new RequestId(id),
            Tenant = RunningEngine.Tenant,
            Prompt = [1, 2, 3],
            Sampling = new SamplingParameters { MaxTokens = 8, TopLogprobs = topLogprobs },
        };
        var admission = new AdmissionGate(new AdmissionController(8), new EngineClock(TimeProvider.System)).Enter(RunningEngine.Tenant, isPart: false, out _)!;
        request.Owner = new ActiveRequest(request, RunningEngine.Chat("base", "Hello!"), null, 16, 0, _statistics, admission);
        return new Sequence(request, 0);
    }
}
