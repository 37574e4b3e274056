using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Tenancy;

/// <summary>Every route and who may use it. A new route fails here until someone has decided that and written it down.</summary>
public sealed class RouteAccessTests
{
    private static readonly string[] Golden =
    [
        "GET / open",
        "HEAD / open",
        "HEAD /favicon.svg open",
        "HEAD /health open",
        "HEAD /health/live open",
        "HEAD /health/ready open",
        "HEAD /health/startup open",
        "HEAD /metrics open",
        "HEAD /metrics/tenants admin",
        "HEAD /page/app.js open",
        "HEAD /page/style.css open",
        "DELETE /v1/conversations/{id} key",
        "DELETE /v1/conversations/{id}/items/{item} key",
        "DELETE /v1/prompt_schemas/{id} key",
        "DELETE /v1/responses/{id} key",
        "GET /favicon.svg open",
        "GET /health open",
        "GET /health/live open",
        "GET /health/ready open",
        "GET /health/startup open",
        "GET /metrics open",
        "GET /metrics/tenants admin",
        "GET /openapi/v1.json key",
        "GET /page/app.js open",
        "GET /page/style.css open",
        "GET /v1/conversations/{id} key",
        "GET /v1/conversations/{id}/items key",
        "GET /v1/conversations/{id}/items/{item} key",
        "GET /v1/models key",
        "GET /v1/models/{**id} key",
        "GET /v1/prompt_schemas key",
        "GET /v1/prompt_schemas/{id} key",
        "GET /v1/responses/{id} key",
        "GET /v1/status key",
        "GET /version open",
        "POST /detokenize key",
        "POST /grpc.health.v1.Health/Check open",
        "POST /grpc.health.v1.Health/Watch open",
        "POST /grpc.reflection.v1.ServerReflection/ServerReflectionInfo key",
        "POST /rerank key",
        "POST /serving.v1.AdapterService/LoadAdapter key",
        "POST /serving.v1.AdapterService/UnloadAdapter key",
        "POST /serving.v1.InferenceService/Detokenize key",
        "POST /serving.v1.InferenceService/Embed key",
        "POST /serving.v1.InferenceService/Generate key",
        "POST /serving.v1.InferenceService/GenerateStream key",
        "POST /serving.v1.InferenceService/ListModels key",
        "POST /serving.v1.InferenceService/Tokenize key",
        "POST /tokenize key",
        "POST /v1/chat/completions key",
        "POST /v1/completions key",
        "POST /v1/conversations key",
        "POST /v1/conversations/{id} key",
        "POST /v1/conversations/{id}/items key",
        "POST /v1/embeddings key",
        "POST /v1/load_lora_adapter key",
        "POST /v1/messages key",
        "POST /v1/messages/count_tokens key",
        "POST /v1/prompt_schemas key",
        "POST /v1/rerank key",
        "POST /v1/responses key",
        "POST /v1/responses/{id}/cancel key",
        "POST /v1/score key",
        "POST /v1/unload_lora_adapter key",
        "POST /v2/rerank key",
    ];

    [Fact]
    public async Task Routes_AllOfThem_AreInTheTable()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        var routes = daemon.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => Methods(endpoint).Select(method => $"{method} {endpoint.RoutePattern.RawText} {Access(endpoint)}"))
            .Order(StringComparer.Ordinal);

        Assert.Equal(Golden.Order(StringComparer.Ordinal), routes);
    }

    [Fact]
    public async Task Send_WithoutOrWithAWrongKey_Is401OnEveryRouteThatNeedsOne()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        foreach (var route in Golden.Where(route => !route.EndsWith(" open", StringComparison.Ordinal)).Select(route => route.Split(' ')))
        {
            foreach (var key in new[] { null, "", "wrong", "key-one ", "KEY-ONE", new string('k', 4096) })
            {
                var answer = await daemon.SendAsync(new HttpMethod(route[0]), route[1].Replace("{**id}", "base", StringComparison.Ordinal).Replace("{id}", "base", StringComparison.Ordinal), route[0] == "POST" ? "{}" : null, key == "key-one " ? "key-one x" : key);

                Assert.True(answer.Code == 401, $"{string.Join(' ', route)} with '{key}': {answer.Code}");
                Assert.Equal("Bearer", answer.Header("WWW-Authenticate"));
                Assert.True(route[0] == "HEAD" ? answer.Text.Length == 0 : answer.Error.GetProperty("type").GetString() == (route[1].StartsWith("/v1/messages", StringComparison.Ordinal) ? "authentication_error" : "AuthenticationError"));
            }
        }
    }

    [Fact]
    public async Task Send_TenantsKeyOnAnAdminsRoute_Is403()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        Assert.Equal(403, (await daemon.GetAsync("/metrics/tenants", "key-one")).Code);
        Assert.Equal(200, (await daemon.GetAsync("/metrics/tenants", "key-ops")).Code);
    }

    [Fact]
    public async Task Send_MetricsNotOpen_NeedAKey()
    {
        using var tenants = new TestTenants();
        var options = tenants.Options();
        options.Telemetry.OpenMetrics = false;
        await using var daemon = await TestDaemon.StartAsync(options);

        Assert.Equal(401, (await daemon.GetAsync("/metrics")).Code);
        Assert.Equal(200, (await daemon.GetAsync("/metrics", "key-one")).Code);
    }

    [Theory]
    [InlineData("//v1/models")]
    [InlineData("/%761/models")]
    [InlineData("/v1/..;/v1/models")]
    [InlineData("/v1/%2e%2e/v1/models")]
    [InlineData("/V1/MODELS")]
    [InlineData("/v1/models/")]
    [InlineData("/v1//models")]
    [InlineData("/health/../v1/models")]
    [InlineData("/health/..%2fv1/models")]
    [InlineData("/health;/v1/models")]
    [InlineData("/v1/models?x=/health")]
    [InlineData("/v1/models%00")]
    [InlineData("/v1/models#/health")]
    [InlineData("/version/../v1/models")]
    [InlineData("/\\v1\\models")]
    [InlineData("/metrics/tenants")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/nothing")]
    public async Task Send_PathTricksWithoutAKey_NeverSucceed(string path)
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        foreach (var host in new[] { "localhost", "x/?", "localhost/health", "127.0.0.1#/health", "health" })
        {
            var status = await RawHttp.StatusAsync(daemon.Client.BaseAddress!, $"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Original-URL: /health\r\nX-HTTP-Method-Override: GET\r\nConnection: close\r\n\r\n");

            Assert.True(status is >= 400 and < 500, $"{path} at {host}: {status}");
        }
    }

    [Fact]
    public async Task Send_TwoAuthorizationHeaders_Is401()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        var status = await RawHttp.StatusAsync(
            daemon.Client.BaseAddress!,
            "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nAuthorization: Bearer key-one\r\nConnection: close\r\n\r\n");

        Assert.Equal(401, status);
    }

    private static IEnumerable<string> Methods(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["ANY"];

    private static string Access(RouteEndpoint endpoint)
    {
        var policy = endpoint.Metadata.GetMetadata<IAuthorizeData>()?.Policy;
        return endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null ? "open" : policy ?? "key";
    }
}
