using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Serving.Server.Configuration;
using Serving.Server.Hosting;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Hosting;

public sealed class KestrelSetupTests
{
    [Fact]
    public async Task Listen_GrpcsPort_SpeaksTheHttpApiOverHttp2Too()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(daemon.GrpcAddress, "/v1/models"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await daemon.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, HttpVersion.Version20), (response.StatusCode, response.Version));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("*")]
    public async Task Listen_GrpcsPort_IsToldApartFromHttps(string host)
    {
        var options = new ServingOptions();
        (options.Server.Host, options.Server.AllowAnonymous) = (host, true);
        await using var daemon = await TestDaemon.StartAsync(options);
        var addresses = daemon.App.Services.GetRequiredService<ListenAddresses>();

        Assert.NotEqual(addresses.Http.Port, addresses.Grpc!.Port);
        Assert.Equal(HttpStatusCode.OK, (await daemon.Client.GetAsync(new Uri(addresses.Http, "/health"))).StatusCode);
        Assert.Equal(400, await RawHttp.StatusAsync(addresses.Grpc, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    }

    [Fact]
    public async Task Listen_GrpcSwitchedOff_HasOnePortAndNoMethods()
    {
        var options = new ServingOptions();
        options.Grpc.Enabled = false;
        await using var daemon = await TestDaemon.StartAsync(options);

        Assert.Null(daemon.App.Services.GetRequiredService<ListenAddresses>().Grpc);
        Assert.Single(daemon.App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses);
        Assert.DoesNotContain(
            daemon.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>(),
            endpoint => endpoint.RoutePattern.RawText!.StartsWith("/serving.v1", StringComparison.Ordinal));
        Assert.DoesNotContain("grpc_port", (await daemon.GetAsync("/v1/status")).Text, StringComparison.Ordinal);
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
