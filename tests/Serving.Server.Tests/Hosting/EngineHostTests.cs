using Microsoft.Extensions.DependencyInjection;
using Serving.Engine.Requests;
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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stop_WhileAnAnswerIsGiven_TellsItsClientInsteadOfCuttingItOff(bool isStream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Send(new GenerationEvent { Choice = 0, Text = "begun", Tokens = [7] });
        using var body = new StringContent($$"""{"prompt":"x","stream":{{(isStream ? "true" : "false")}}}""", System.Text.Encoding.UTF8, "application/json");
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = body };
        var asked = daemon.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        while (daemon.Engine.Requests.IsEmpty || (isStream && !asked.IsCompleted))
        {
            await Task.Yield();
        }

        await daemon.App.StopAsync();
        using var answer = await asked;
        var text = await answer.Content.ReadAsStringAsync();

        Assert.Equal((isStream ? 200 : 503, isStream), ((int)answer.StatusCode, text.Contains("begun", StringComparison.Ordinal)));
        Assert.EndsWith("""{"error":{"message":"The daemon is shutting down.","type":"ServiceUnavailableError","param":null,"code":503}}""", text.TrimEnd(), StringComparison.Ordinal);
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
