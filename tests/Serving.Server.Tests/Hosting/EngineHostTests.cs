using Microsoft.Extensions.DependencyInjection;
using Serving.Server.Hosting;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Hosting;

public sealed class EngineHostTests
{
    [Fact]
    public async Task Run_EngineFails_StopsTheProcessWithAnError()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.App.Lifetime.ApplicationStopping.Register(stopping.SetResult);

        daemon.Engine.Ended.SetException(new InvalidOperationException("device lost"));
        await stopping.Task;

        Assert.True(daemon.App.Services.GetRequiredService<EngineHost>().Failed);
        Assert.Contains("The engine failed", Assert.Single(daemon.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_InOrder_IsNoFailure()
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.App.StopAsync();

        Assert.False(daemon.App.Services.GetRequiredService<EngineHost>().Failed);
        Assert.Empty(daemon.Errors);
    }
}
