using Serving.Compute.Steps;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;

namespace Serving.Engine.Tests.Running;

/// <summary>What the loop takes before it comes round; it is not started here.</summary>
public sealed class EngineLoopTests
{
    [Fact]
    public void TryPost_SubmissionsFillTheirPart_WhatElseIsToBeSaidHasRoom()
    {
        using var loop = New(submissions: 3, commands: 6);
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => loop.TryPost(new SubmitCommand(null!, new TaskCompletionSource<RequestError?>()))));
        Assert.False(loop.TryPost(new PinModulesCommand([], new Tenant(new TenantId("a"), 1, Digest.None, new TenantLimits(1, 1)), null, new TaskCompletionSource<int>())));
        Assert.True(loop.TryPost(new AdapterReadyCommand(Digest.None)));
        Assert.True(loop.TryPost(new CancelCommand(new RequestId(1))));
    }

    /// <summary>Masks may be done faster than steps, as many as there are sequences: the loop is woken once for all.</summary>
    [Fact]
    public void Wake_ManyTimes_TakesOnePlace()
    {
        using var loop = New(submissions: 1, commands: 3);
        for (var i = 0; i < 100; i++)
        {
            loop.Wake();
        }

        Assert.True(loop.TryPost(new AdapterReadyCommand(Digest.None)));
        Assert.True(loop.TryPost(new AdapterReadyCommand(Digest.None)));
        Assert.False(loop.TryPost(new AdapterReadyCommand(Digest.None)));
    }

    private static EngineLoop New(int submissions, int commands) =>
        new(null!, null!, null!, new StepOutputs(new StepLimits(1, 1, 1, 1), 8), new EngineClock(TimeProvider.System), null!, null!, (_, _) => { }, submissions, commands);
}
