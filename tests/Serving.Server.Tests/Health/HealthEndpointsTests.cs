using Serving.Engine;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Health;

public sealed class HealthEndpointsTests
{
    [Fact]
    public async Task Get_WhileTheModelLoads_IsAliveAndNothingElse()
    {
        await using var daemon = await TestDaemon.StartAsync(new ServingOptions(), started: false);

        Assert.Equal((503, 200, 503, 503), await CodesAsync(daemon));
        var chat = await daemon.PostAsync("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal((503, "2"), (chat.Code, chat.Header("Retry-After")));
        Assert.Equal(503, (await daemon.GetAsync("/v1/models")).Code);

        await daemon.LoadAsync();
        Assert.Equal((200, 200, 200, 200), await CodesAsync(daemon));
    }

    [Fact]
    public async Task Get_EngineFailedOrHanging_IsNotAlive()
    {
        await using var daemon = await TestDaemon.StartAsync();

        daemon.Engine.IsAlive = false;
        Assert.Equal((503, 503, 503, 200), await CodesAsync(daemon));

        daemon.Engine.IsAlive = true;
        daemon.Engine.State = EngineState.Failed;
        Assert.Equal((503, 503, 503, 200), await CodesAsync(daemon));
    }

    [Fact]
    public async Task Get_Health_HasNoBodyAsVllmHasNone()
    {
        await using var daemon = await TestDaemon.StartAsync();

        Assert.Equal("", (await daemon.GetAsync("/health")).Text);
        Assert.Equal("ok\n", (await daemon.GetAsync("/health/ready")).Text);
    }

    private static async Task<(int Health, int Live, int Ready, int Startup)> CodesAsync(TestDaemon daemon) => (
        (await daemon.GetAsync("/health")).Code,
        (await daemon.GetAsync("/health/live")).Code,
        (await daemon.GetAsync("/health/ready")).Code,
        (await daemon.GetAsync("/health/startup")).Code);
}
