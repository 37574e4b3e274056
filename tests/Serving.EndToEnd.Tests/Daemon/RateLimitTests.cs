using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Serving.Protocol.Rpc;
using Serving.Protocol.V1;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>Tenants' rates in the daemon, as their clients see them: over HTTP, with OpenAI's client, over gRPC, and after the file of tenants has changed.</summary>
public sealed class RateLimitTests : IAsyncLifetime
{
    private const string Generate = "serving.v1.InferenceService/Generate";

    private readonly TenantsFile _tenants = new(
        ("few", """{"requests_per_minute": 2}"""),
        ("quick", """{"requests_per_minute": 120}"""),
        ("tokens", """{"tokens_per_minute": 500}"""),
        ("rpc", """{"requests_per_minute": 1}"""));

    private DaemonProcess _daemon = null!;

    public async ValueTask InitializeAsync() => _daemon = await DaemonProcess.StartAsync("--tenants", _tenants.Path, "--reload-interval", "1");

    public async ValueTask DisposeAsync()
    {
        await _daemon.DisposeAsync();
        _tenants.Dispose();
    }

    [Fact]
    public async Task Post_RequestsUsedUp_IsOpenAis429AndNobodyElseNotices()
    {
        using var few = Client("few");
        foreach (var remaining in new[] { "1", "0" })
        {
            using var answer = await CompleteAsync(few, 1);
            Assert.Equal((HttpStatusCode.OK, "2", remaining), (answer.StatusCode, Header(answer, "x-ratelimit-limit-requests"), Header(answer, "x-ratelimit-remaining-requests")));
            Assert.Null(Header(answer, "x-ratelimit-limit-tokens"));
        }

        using var refused = await CompleteAsync(few, 1);
        var error = (await JsonOf(refused)).GetProperty("error");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(("requests", "rate_limit_exceeded"), (error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
        Assert.InRange(int.Parse(Header(refused, "Retry-After")!, CultureInfo.InvariantCulture), 1, 30);
        using var other = Client("tokens");
        using var fine = await CompleteAsync(other, 1);
        Assert.Equal(HttpStatusCode.OK, fine.StatusCode);
    }

    [Fact]
    public async Task Post_Tokens_AreSettledToWhatUsageSays()
    {
        using var tokens = Client("tokens");
        using var first = await CompleteAsync(tokens, 300);
        var used = (await JsonOf(first)).GetProperty("usage").GetProperty("total_tokens").GetInt32();
        Assert.InRange(used, 1, 250);

        // Had the reservation stayed there would be no room for another one of that size.
        using var second = await CompleteAsync(tokens, 300);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);

        using var large = await CompleteAsync(tokens, 600);
        Assert.Equal(HttpStatusCode.BadRequest, large.StatusCode);
        Assert.Null(Header(large, "Retry-After"));
        Assert.Contains("will never be let in", await large.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // Two prompts that each fit, and together do not.
        using var both = await tokens.PostAsJsonAsync("/v1/completions", new { model = "tiny-chat-5m", prompt = new[] { "x", "y" }, max_tokens = 300 });
        Assert.Equal(HttpStatusCode.BadRequest, both.StatusCode);
    }

    [Fact]
    public async Task OpenAisClient_RateLimited_IsToldAndComesBackByItself()
    {
        var hasty = Chat("quick", retries: 0);
        var refused = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            for (var i = 0; i < 1000; i++)
            {
                await hasty.CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = 1 });
            }
        });

        Assert.Equal(429, refused.Status);
        Assert.Contains("rate_limit_exceeded", refused.Message, StringComparison.Ordinal);
        Assert.True(refused.GetRawResponse()!.Headers.TryGetValue("retry-after-ms", out var wait));
        Assert.InRange(int.Parse(wait!, CultureInfo.InvariantCulture), 1, 500);

        var patient = await Chat("quick", retries: 3).CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = 1 });
        Assert.Equal(200, patient.GetRawResponse().Status);
    }

    [Fact]
    public async Task Grpc_RequestsUsedUp_IsResourceExhaustedWithItsTime()
    {
        using var calls = new GrpcCalls(_daemon.GrpcAddress, TenantsFile.KeyOf("rpc"));
        var message = new GenerateRequest { Text = "x", MaxTokens = 1 };
        using var first = await calls.BeginAsync(Generate, message, CancellationToken.None);
        Assert.Equal("0", Header(first, "x-ratelimit-remaining-requests"));

        using var second = await calls.BeginAsync(Generate, message, CancellationToken.None);
        var details = Header(second, "grpc-status-details-bin")!;
        var status = Status.Parser.ParseFrom(Convert.FromBase64String(details.PadRight((details.Length + 3) / 4 * 4, '=')));
        Assert.Equal(("8", 8), (Header(second, "grpc-status"), status.Code));
        var info = status.Details.Select(any => any.TryUnpack<ErrorInfo>(out var found) ? found : null).First(found => found is not null)!;
        Assert.Equal(("RATE_LIMITED", "requests_per_minute"), (info.Reason, info.Metadata["limit"]));
        var retry = status.Details.Select(any => any.TryUnpack<RetryInfo>(out var found) ? found : null).First(found => found is not null)!;
        Assert.InRange(retry.RetryDelay.ToTimeSpan(), TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Tenants_RateRaised_LetsInAtOnceAndKeepsWhatWasCharged()
    {
        using var few = Client("few");
        for (var i = 0; i < 2; i++)
        {
            (await CompleteAsync(few, 1)).Dispose();
        }

        using var refused = await CompleteAsync(few, 1);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        _tenants.Write(("few", """{"requests_per_minute": 100}"""));

        HttpResponseMessage answer;
        while ((answer = await CompleteAsync(few, 1)).StatusCode != HttpStatusCode.OK)
        {
            answer.Dispose();
            await Task.Yield();
        }

        // Of a hundred the two before and this one are taken, but for what a few seconds have brought.
        Assert.InRange(int.Parse(Header(answer, "x-ratelimit-remaining-requests")!, CultureInfo.InvariantCulture), 97, 99);
        answer.Dispose();
        using var ops = Client("ops");
        Assert.Contains("serving_tenant_refusals_total{tenant=\"few\",limit=\"requests_per_minute\"}", await ops.GetStringAsync("/metrics/tenants"), StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> CompleteAsync(HttpClient client, int maxTokens) =>
        client.PostAsJsonAsync("/v1/chat/completions", new { model = "tiny-chat-5m", messages = new[] { new { role = "user", content = "What is the capital of France?" } }, max_tokens = maxTokens });

    private static async Task<JsonElement> JsonOf(HttpResponseMessage answer) => JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) || answer.TrailingHeaders.TryGetValues(name, out values) ? string.Join(',', values) : null;

    private HttpClient Client(string tenant) => _daemon.CreateClient(TenantsFile.KeyOf(tenant));

    private ChatClient Chat(string tenant, int retries) => new OpenAIClient(
        new ApiKeyCredential(TenantsFile.KeyOf(tenant)),
        new OpenAIClientOptions { Endpoint = new Uri(_daemon.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(retries) }).GetChatClient("tiny-chat-5m");
}
