using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Hosting;

public sealed class KestrelSetupTests
{
    [Fact]
    public async Task Listen_SecondPort_SpeaksHttp2WithoutTls()
    {
        var options = new ServingOptions();
        options.Server.Http2Port = 0;
        await using var daemon = await TestDaemon.StartAsync(options);
        var addresses = daemon.App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(addresses[1]), "/v1/models"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await daemon.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, HttpVersion.Version20), (response.StatusCode, response.Version));
    }

    [Theory]
    [InlineData("GET /health HTTP/1.1\r\nHost: x\r\nX: LONG\r\nConnection: close\r\n\r\n", 431)]
    [InlineData("GET /LONG HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414)]
    [InlineData("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", 400)]
    public async Task Read_RequestsThatAreTooLargeOrAmbiguous_AreRefused(string request, int status)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await RawHttp.StatusAsync(daemon.Client.BaseAddress!, request.Replace("LONG", new string('a', 40_000), StringComparison.Ordinal));

        Assert.Equal(status, answer);
        Assert.Empty(daemon.Errors);
    }
}
