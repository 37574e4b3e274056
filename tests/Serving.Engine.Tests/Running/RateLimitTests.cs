using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Loading.Adapters;

namespace Serving.Engine.Tests.Running;

/// <summary>A tenant's rates in a whole engine whose clock the test moves: what is charged, what comes back, and when.</summary>
public sealed class RateLimitTests
{
    private const int Budget = 1000;

    private static readonly Tenant Limited = TenantWith(requests: 5, tokens: Budget);
    private readonly ManualTime _time = new();

    [Fact]
    public async Task Run_ToItsEnd_IsChargedPromptAndOutput()
    {
        await using var engine = RunningEngine.Start(time: _time);
        for (var times = 1; times <= 2; times++)
        {
            var usage = await ReadAsync(engine, Request(64), int.MaxValue);
            await engine.QuiesceAsync();

            // The second prompt is found in the prefix cache, and counts all the same.
            Assert.Equal(times == 2, usage.CachedTokens > 0);
            Assert.Equal((5 - times, Budget - (times * (usage.PromptTokens + usage.CompletionTokens))), Remaining(engine));
        }
    }

    [Fact]
    public async Task Run_ClientsGoAwayAnywhere_AreChargedWhatWasGenerated()
    {
        var tenant = TenantWith(null, 1_000_000);
        await using var engine = RunningEngine.Start(time: _time);
        var usages = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => ReadAsync(engine, Request(64, tenant) with { IgnoreEos = true, Choices = 1 + (i % 3) }, i % 8)));
        await engine.QuiesceAsync();

        // Everybody has read an event at least, so every prompt was computed.
        Assert.Equal(usages.Sum(usage => usage.PromptTokens + usage.CompletionTokens), 1_000_000 - engine.Client.RatesOf(tenant).Tokens!.Value.Remaining);
        Assert.Contains(usages, usage => usage.CompletionTokens < 64);
    }

    [Fact]
    public async Task Submit_TokensUsedUp_IsLetInAfterTheTimeItIsTold()
    {
        await using var engine = RunningEngine.Start(time: _time);
        await using var running = await AcceptAsync(engine, Request(900) with { IgnoreEos = true }); // Uses all of it, so that nothing comes back.
        var refused = await RefuseAsync(engine, Request(200));
        Assert.Equal(RequestError.RateLimited, refused.Error);
        Assert.Equal(new LimitRefusal(TenantLimitKind.TokensPerMinute, Budget, running.PromptTokens.Count + 200), refused.Limit);
        Assert.Contains("tokens per minute, limit 1000", refused.Message, StringComparison.Ordinal);

        _time.Advance(refused.RetryAfter!.Value - TimeSpan.FromMicroseconds(2));
        Assert.Equal(RequestError.RateLimited, (await RefuseAsync(engine, Request(200))).Error);
        _time.Advance(TimeSpan.FromMicroseconds(2));
        await (await AcceptAsync(engine, Request(200))).DisposeAsync();
        Assert.Equal([(Limited.Id, TenantLimitKind.TokensPerMinute, 2L)], engine.Client.Statistics.Refused);
    }

    [Fact]
    public async Task Submit_RequestsUsedUp_OtherTenantsAreNotMeant()
    {
        await using var engine = RunningEngine.Start(time: _time);
        var one = TenantWith(requests: 1, tokens: null);
        await ReadAsync(engine, Request(4, one), int.MaxValue);

        var refused = await RefuseAsync(engine, Request(4, one));
        Assert.Equal((RequestError.RateLimited, TimeSpan.FromMinutes(1)), (refused.Error, refused.RetryAfter));
        await engine.RunAsync(Request(4));
    }

    [Fact]
    public async Task Submit_MoreThanAMinutesWorth_IsToldSo()
    {
        await using var engine = RunningEngine.Start(time: _time);

        var refused = await RefuseAsync(engine, Request(Budget));

        Assert.Equal((RequestError.ExceedsTenantLimit, "max_tokens", null), (refused.Error, refused.Parameter, refused.RetryAfter));
        Assert.Equal((5, Budget), Remaining(engine));
    }

    [Fact]
    public async Task Submit_UnknownModel_CountsAsARequest()
    {
        await using var engine = RunningEngine.Start(time: _time);

        Assert.Equal(RequestError.ModelNotFound, (await RefuseAsync(engine, Request(4) with { Model = "nobody" })).Error);

        Assert.Equal((4, Budget), Remaining(engine));
    }

    [Fact]
    public async Task Submit_LimitsRaised_IsLetInAtOnceAndNothingIsForgotten()
    {
        await using var engine = RunningEngine.Start(time: _time);
        await using var running = await AcceptAsync(engine, Request(900) with { IgnoreEos = true }); // Uses all of it, so that nothing comes back.
        await RefuseAsync(engine, Request(200));
        var raised = TenantWith(5, 2 * Budget);
        await using var next = await AcceptAsync(engine, Request(200, raised));
        Assert.InRange(engine.Client.RatesOf(raised).Tokens!.Value.Remaining, 0, (2 * Budget) - 900 - 200);
    }

    private static Tenant TenantWith(int? requests, long? tokens) =>
        new(new TenantId($"t{requests}"), 1, Digest.Of("limited"u8), new TenantLimits(100, 1_000_000, requests, tokens));

    private static GenerationRequest Request(int maxTokens, Tenant? tenant = null) =>
        RunningEngine.Chat("base", "Which color is a banana? Which color is the sky?", maxTokens) with { Tenant = tenant ?? Limited };

    private static (long Requests, long Tokens) Remaining(RunningEngine engine)
    {
        var rates = engine.Client.RatesOf(Limited);
        return (rates.Requests!.Value.Remaining, rates.Tokens!.Value.Remaining);
    }

    private static async Task<GenerationStream> AcceptAsync(RunningEngine engine, GenerationRequest request)
    {
        var (stream, failure) = await engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        return stream;
    }

    private static async Task<RequestFailure> RefuseAsync(RunningEngine engine, GenerationRequest request)
    {
        var (stream, failure) = await engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.Null(stream);
        return failure!;
    }

    // Reads so many events and goes away; then waits until the engine has noticed, for what it had generated by then.
    private static async Task<GenerationUsage> ReadAsync(RunningEngine engine, GenerationRequest request, int events)
    {
        var stream = await AcceptAsync(engine, request);
        await using (stream)
        {
            await foreach (var _ in stream.ReadAllAsync(TestContext.Current.CancellationToken))
            {
                if (--events < 0)
                {
                    break;
                }
            }
        }

        await foreach (var _ in stream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
        }

        return stream.Usage;
    }
}
