using Microsoft.Extensions.Hosting;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Hosting;

public sealed class DrainCoordinatorTests
{
    private const string Chat = """{"messages":[{"role":"user","content":"x"}]}""";

    [Fact]
    public async Task Request_WhileOneRuns_RefusesNewOnesAndLetsItFinish()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var accepted = Hold(daemon);
        var running = daemon.PostAsync("/v1/chat/completions", Chat);
        var request = await accepted;

        var drained = daemon.Drain.RequestAsync();

        Assert.Equal(503, (await daemon.GetAsync("/health/ready")).Code);
        Assert.Equal(200, (await daemon.GetAsync("/health/live")).Code);
        var refused = await daemon.PostAsync("/v1/chat/completions", Chat);
        Assert.Equal((503, "1"), (refused.Code, refused.Header("Retry-After")));
        Assert.True(refused.Response.Headers.ConnectionClose);
        Assert.False(drained.IsCompleted);

        request.Say(["late"]);
        Assert.Equal(200, (await running).Code);
        await drained;
        Assert.True(daemon.App.Lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task Request_Twice_StopsAtOnce()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var accepted = Hold(daemon);
        var running = daemon.PostAsync("/v1/chat/completions", Chat);
        await accepted;
        var drained = daemon.Drain.RequestAsync();

        await daemon.Drain.RequestAsync();

        await drained;
        Assert.True(daemon.App.Lifetime.ApplicationStopping.IsCancellationRequested);
        Assert.Equal(1, daemon.Engine.Running);
        await daemon.App.StopAsync();
        Assert.Equal(503, (await running).Code);
        Assert.Equal(0, daemon.Engine.Running);
    }

    [Fact]
    public async Task Request_TimeIsUp_StopsWithWhatIsLeft()
    {
        var options = new ServingOptions();
        options.Server.DrainTimeout = 0;
        await using var daemon = await TestDaemon.StartAsync(options);
        var accepted = Hold(daemon);
        _ = daemon.PostAsync("/v1/chat/completions", Chat).ContinueWith(done => done.Exception, TaskScheduler.Default);
        await accepted;

        await daemon.Drain.RequestAsync();

        Assert.True(daemon.App.Lifetime.ApplicationStopping.IsCancellationRequested);
        Assert.Equal(1, daemon.Engine.Running);
    }

    /// <summary>Nobody waits for what a signal begins: a failure in it must not leave a daemon that takes no requests and does not end.</summary>
    [Fact]
    public async Task Request_DrainingFails_StopsNow()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.DrainFailure = new InvalidOperationException("planted");

        await daemon.Drain.RequestAsync();

        Assert.True(daemon.App.Lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task Request_WhileTheModelLoads_Stops()
    {
        await using var daemon = await TestDaemon.StartAsync(new ServingOptions(), started: false);

        await daemon.Drain.RequestAsync();

        Assert.True(daemon.App.Lifetime.ApplicationStopping.IsCancellationRequested);
    }

    // The next request is accepted and answered by the test.
    private static Task<FakeRequest> Hold(TestDaemon daemon)
    {
        var accepted = new TaskCompletionSource<FakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Engine.Script = request => accepted.TrySetResult(request);
        return accepted.Task;
    }
}
