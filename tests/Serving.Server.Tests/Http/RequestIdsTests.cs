using Serving.Server.Http;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class RequestIdsTests
{
    [Theory]
    [InlineData("abc-123_X.y:z", true)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a\tb", false)]
    [InlineData("a\"b", false)]
    [InlineData("é", false)]
    public void Clean_TakesHarmlessOnes(string id, bool taken) => Assert.Equal(taken ? id : null, RequestIds.Clean(id));

    [Fact]
    public void Clean_TooLongOrTwo_IsRefused()
    {
        Assert.NotNull(RequestIds.Clean(new string('a', 128)));
        Assert.Null(RequestIds.Clean(new string('a', 129)));
        Assert.Null(RequestIds.Clean(new Microsoft.Extensions.Primitives.StringValues(["a", "b"])));
    }

    [Fact]
    public async Task Send_WithId_ComesBackInHeaderAndBody()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Client.DefaultRequestHeaders.Add("x-request-id", "my-id");

        var answer = await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""");

        Assert.Equal("my-id", answer.Header("x-request-id"));
        Assert.Equal("cmpl-my-id", answer.Json.GetProperty("id").GetString());
        Assert.Equal("my-id", Assert.Single(daemon.Engine.Requests).Request.Id);
    }

    [Fact]
    public async Task Send_WithoutId_GetsOneAlsoOnErrors()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var first = await daemon.GetAsync("/nothing");
        var second = await daemon.GetAsync("/nothing");

        Assert.Matches("^[0-9a-f]{32}$", first.Header("x-request-id"));
        Assert.NotEqual(first.Header("x-request-id"), second.Header("x-request-id"));
    }
}
