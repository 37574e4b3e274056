using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;
using Serving.Server.Tests.Grpc;

namespace Serving.Server.Tests.Http;

/// <summary>How a tenant's rates are told: OpenAI's headers and error, gRPC's metadata.</summary>
public sealed class RateLimitTests
{
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";

    private static readonly TenantRates Rates = new(new RateStatus(60, 59, 1_000_000), new RateStatus(40_000, 39_000, 1_500_001));

    [Theory]
    [InlineData("/v1/chat/completions", $"{{{Hi}}}")]
    [InlineData("/v1/chat/completions", $$"""{ {{Hi}},"stream":true}""")]
    [InlineData("/v1/completions", """{"prompt":["x","y"],"stream":true}""")]
    [InlineData("/v1/completions", """{"prompt":"x"}""")]
    [InlineData("/v1/embeddings", """{"input":["x","y"]}""")]
    [InlineData("/v1/rerank", """{"query":"x","documents":["y","z"]}""")]
    public async Task Post_TenantWithRates_IsToldHowTheyStand(string path, string body)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Rates = Rates;

        var answer = await daemon.PostAsync(path, body);

        Assert.Equal(200, answer.Code);
        Assert.Equal(("60", "59", "1s"), (answer.Header("x-ratelimit-limit-requests"), answer.Header("x-ratelimit-remaining-requests"), answer.Header("x-ratelimit-reset-requests")));
        Assert.Equal(("40000", "39000", "1.501s"), (answer.Header("x-ratelimit-limit-tokens"), answer.Header("x-ratelimit-remaining-tokens"), answer.Header("x-ratelimit-reset-tokens")));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task PostMessages_TenantWithRates_IsToldInAnthropicsHeaders(string stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Rates = Rates;

        var answer = await daemon.PostAsync("/v1/messages", $"{{{Hi},\"max_tokens\":5{stream}}}");

        Assert.Equal(200, answer.Code);
        Assert.Equal(("60", "59"), (answer.Header("anthropic-ratelimit-requests-limit"), answer.Header("anthropic-ratelimit-requests-remaining")));
        Assert.Equal(("40000", "39000"), (answer.Header("anthropic-ratelimit-tokens-limit"), answer.Header("anthropic-ratelimit-tokens-remaining")));
        foreach (var what in new[] { "requests", "tokens" })
        {
            var left = DateTimeOffset.Parse(answer.Header($"anthropic-ratelimit-{what}-reset")!, System.Globalization.CultureInfo.InvariantCulture) - DateTimeOffset.UtcNow;
            Assert.InRange(left.TotalSeconds, -60, 4);
        }

        Assert.Null(answer.Header("x-ratelimit-limit-requests"));
    }

    [Theory]
    [InlineData(0, 0, "2026-01-02T03:04:05Z")]
    [InlineData(0, 1, "2026-01-02T03:04:06Z")]
    [InlineData(500, 500_000, "2026-01-02T03:04:06Z")]
    [InlineData(500, 500_001, "2026-01-02T03:04:07Z")]
    [InlineData(0, 60_000_000, "2026-01-02T03:05:05Z")]
    public void Time_IsRoundedUpToSeconds(int milliseconds, long microseconds, string expected) =>
        Assert.Equal(expected, RateHeaders.Time(new DateTimeOffset(2026, 1, 2, 3, 4, 5, milliseconds, TimeSpan.Zero), microseconds));

    [Fact]
    public async Task Post_TenantWithOneRateOrNone_IsToldOfNoOther()
    {
        await using var daemon = await TestDaemon.StartAsync();
        Assert.DoesNotContain((await daemon.PostAsync("/v1/chat/completions", $"{{{Hi}}}")).Response.Headers, header => header.Key.StartsWith("x-ratelimit", StringComparison.OrdinalIgnoreCase));

        daemon.Engine.Rates = Rates with { Tokens = null };
        Assert.Equal(3, (await daemon.PostAsync("/v1/chat/completions", $"{{{Hi}}}")).Response.Headers.Count(header => header.Key.StartsWith("x-ratelimit", StringComparison.OrdinalIgnoreCase)));
    }

    [Theory]
    [InlineData(TenantLimitKind.RequestsPerMinute, "requests")]
    [InlineData(TenantLimitKind.TokensPerMinute, "tokens")]
    public async Task Post_RateLimited_IsOpenAisError(TenantLimitKind limit, string type)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Rates = Rates;
        daemon.Engine.Refusal = Failures.OfLimit(new AdmissionDecision(AdmissionVerdict.RateLimit, limit, 60, 1, 1_234_500));

        var answer = await daemon.PostAsync("/v1/chat/completions", $"{{{Hi}}}");

        Assert.Equal(429, answer.Code);
        Assert.Equal(
            $$$"""{"error":{"message":"Rate limit reached: {{{type}}} per minute, limit 60, requested 1. Please try again in 1235ms.","type":"{{{type}}}","param":null,"code":"rate_limit_exceeded"}}""",
            answer.Text);
        Assert.Equal(("2", "1235", "60"), (answer.Header("Retry-After"), answer.Header("Retry-After-Ms"), answer.Header("x-ratelimit-limit-requests")));
    }

    [Fact]
    public async Task Post_PromptsThatFitOneByOneButNotTogether_IsTold400AndNotToComeAgain()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Reservation = 60;
        daemon.Engine.Script = _ => daemon.Engine.Refusal = Failures.OfLimit(new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.TokensPerMinute, 100, 60, 1_000_000));

        var answer = await daemon.PostAsync("/v1/completions", """{"prompt":["x","y"]}""");

        Assert.Equal((400, null), (answer.Code, answer.Header("Retry-After")));
        Assert.Contains("120 where the tenant's limit is 100", answer.Error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal([false], daemon.Engine.Requests.Select(request => request.Request.IsPart));
    }

    [Fact]
    public async Task Post_TwoPrompts_AreOneRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync("/v1/completions", """{"prompt":["x","y"]}""");

        Assert.Equal([false, true], daemon.Engine.Requests.Select(request => request.Request.IsPart));
    }

    [Fact]
    public async Task Call_TenantWithRates_HasThemInItsMetadataAndItsRefusals()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Rates = Rates;
        var answer = await client.CallAsync("serving.v1.InferenceService/Generate", GenerateTests.Hello);
        Assert.Equal("39000", answer.Header("x-ratelimit-remaining-tokens"));

        daemon.Engine.Refusal = Failures.OfLimit(new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.TokensPerMinute, 60, 1, 1_234_500));
        var refused = await client.CallAsync("serving.v1.InferenceService/Generate", GenerateTests.Hello);
        Assert.Equal((GrpcStatusCode.ResourceExhausted, "RATE_LIMITED"), (refused.Code, refused.Reason));
        Assert.Equal(TimeSpan.FromMicroseconds(1_234_500), refused.Detail<Protocol.Rpc.RetryInfo>()!.RetryDelay.ToTimeSpan());
        Assert.Equal(("tokens_per_minute", "60", "1"), (Info("limit"), Info("allowed"), Info("requested")));

        string Info(string name) => refused.Detail<Protocol.Rpc.ErrorInfo>()!.Metadata[name];
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(1, "1ms")]
    [InlineData(119_001, "120ms")]
    [InlineData(999_001, "1s")]
    [InlineData(8_640_000, "8.64s")]
    [InlineData(60_000_000, "1m0s")]
    [InlineData(360_000_000, "6m0s")]
    [InlineData(3_661_500_000, "1h1m1.5s")]
    public void Duration_AnyTime_IsWrittenAsOpenAiDoes(long microseconds, string expected) => Assert.Equal(expected, RateHeaders.Duration(microseconds));
}
