using Microsoft.AspNetCore.Http;
using Serving.Server.Configuration;
using Serving.Server.Tenancy;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Tenancy;

public sealed class LocalNamesTests
{
    [Theory]
    [InlineData("127.0.0.1:8000", true)]
    [InlineData("[::1]:8000", true)]
    [InlineData("[::ffff:127.0.0.1]", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("localhost:8000", true)]
    [InlineData("LOCALHOST.", true)]
    [InlineData("app.localhost", true)]
    [InlineData("laptop.local", true)]
    [InlineData("host.docker.internal:8000", true)]
    [InlineData("gpubox", true)]
    [InlineData("", true)]
    [InlineData("evil.example:8000", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("localhost.evil.example.", false)]
    [InlineData("evillocalhost.com", false)]
    public void Has_HostHeader_IsThisMachinesOrItsNetworks(string host, bool expected) => Assert.Equal(expected, LocalNames.Has(new HostString(host)));

    [Theory]
    [InlineData("evil.example", false, false, 421)]
    [InlineData("evil.example", true, false, 200)]
    [InlineData("evil.example", false, true, 200)]
    [InlineData("localhost", false, false, 200)]
    public async Task Send_ByTheNameOfAnotherSite_NeedsAKeyOrLeave(string host, bool isAllowed, bool hasKeys, int expected)
    {
        var options = new ServingOptions();
        options.Server.AllowAnonymous = isAllowed;
        options.Tenancy.ApiKey = hasKeys ? ["k"] : [];
        await using var daemon = await TestDaemon.StartAsync(options);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Host = host } };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer k");

        using var response = await daemon.Client.SendAsync(request);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(expected == 421, (await response.Content.ReadAsStringAsync()).Contains("--allow-anonymous", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Send_ByTheNameOfAnotherSite_StillShowsHealth()
    {
        await using var daemon = await TestDaemon.StartAsync();
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            using var request = new HttpRequestMessage(method, "/health/ready") { Headers = { Host = "evil.example" } };
            using var response = await daemon.Client.SendAsync(request);

            Assert.Equal((200, 3L), ((int)response.StatusCode, response.Content.Headers.ContentLength));
        }
    }
}
