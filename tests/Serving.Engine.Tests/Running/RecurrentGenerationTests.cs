using Serving.Compute.Cpu;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>A model with a recurrent state on the whole engine: the answer is a pure function of the request, bit for bit, and what does not go with such a model is refused.</summary>
public sealed class RecurrentGenerationTests : IDisposable
{
    private readonly RecurrentModel _model = new();

    public static TheoryData<string, string> Backends()
    {
        var data = new TheoryData<string, string> { { "managed", "auto" } };
        foreach (var isa in CpuBackend.SupportedInstructionSets.Where(isa => !isa.Contains("emulated", StringComparison.Ordinal) && !CpuEmulator.IsEmulated(isa)))
        {
            data.Add("cpu", isa);
        }

        return data;
    }

    public void Dispose() => _model.Dispose();

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_InAnyCompany_IsTheAnswerAlone(string device, string isa)
    {
        var (requests, alone) = (Requests(), await AloneAsync(device, isa, Requests()));
        Assert.NotEqual(alone[0][0].Tokens, alone[3][0].Tokens); // The adapter changes something.
        await using var engine = Start(device, isa, options => options with { PrefixCaching = false });
        var crowd = Enumerable.Range(0, 20).Select(i => engine.RunAsync(Request(i % 2 == 0 ? "base" : RecurrentModel.Adapter, 5 + (17 * i), i) with { Temperature = 1 })).ToArray();
        AssertSame(alone, await Task.WhenAll(requests.Select(engine.RunAsync)));
        await Task.WhenAll(crowd);
    }

    /// <summary>Chunks of sixteen tokens; then prompts that were there before, and one that goes on from another: their states come from snapshots.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_InChunksOrFromASnapshot_IsTheAnswerAlone(string device, string isa)
    {
        var (requests, alone) = (Requests(), await AloneAsync(device, isa, Requests()));
        await using var engine = Start(device, isa, options => options with { MaxBatchedTokens = 16 });
        AssertSame(alone, await Task.WhenAll(requests.Select(engine.RunAsync)));
        await engine.QuiesceAsync();
        var hits = engine.Client.Snapshot.PrefixCacheHits;
        AssertSame(alone, await Task.WhenAll(requests.Select(engine.RunAsync)));
        await engine.QuiesceAsync();
        Assert.True(engine.Client.Snapshot.PrefixCacheHits > hits, "No prompt began at a snapshot.");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_AfterPreemption_IsTheAnswerAlone(string device, string isa)
    {
        List<GenerationRequest> requests = [.. Enumerable.Range(0, 6).Select(i => Request(i % 2 == 0 ? "base" : RecurrentModel.Adapter, 20 + i, i) with { MaxTokens = 20 * PagePool.SlotsPerPage, Temperature = 1, IgnoreEos = true })];
        var alone = await AloneAsync(device, isa, requests);
        await using var tight = Start(device, isa, options => options with { PoolBytes = 90 * RecurrentModel.PageBytes, MaxModelLength = 512, PrefixCaching = false });
        AssertSame(alone, await Task.WhenAll(requests.Select(tight.RunAsync)));
        await tight.QuiesceAsync();
        Assert.True(tight.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
        Assert.Equal(0, tight.Client.Snapshot.StatePages);
    }

    [Fact]
    public async Task Put_Schema_IsRefused()
    {
        await using var engine = Start("managed", "auto");
        Assert.Equal(RecurrentModel.StatePages, engine.Client.Description.StatePages);
        var (_, failure) = await engine.Client.Schemas.PutAsync(RunningEngine.Tenant, isAdmin: false, new SchemaUpload { Pml = "<schema name=\"a\"><module name=\"b\">c</module></schema>" }, TestContext.Current.CancellationToken);
        Assert.Equal((RequestError.InvalidRequest, "schema"), (failure!.Error, failure.Parameter));
        Assert.Contains("recurrent state", failure.Message, StringComparison.Ordinal);

        var (stream, use) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "Hello") with { SchemaName = "a" }, TestContext.Current.CancellationToken);
        Assert.Null(stream);
        Assert.Equal((RequestError.InvalidRequest, "prompt_schema"), (use!.Error, use.Parameter));
        Assert.Contains("recurrent state", use.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_WithGuesses_IsRefused() =>
        Assert.Contains("max_draft_tokens", Assert.Throws<EngineStartException>(() => Start("managed", "auto", options => options with { MaxDraftTokens = 4 })).Message, StringComparison.Ordinal);

    [Fact]
    public void Start_PoolWithoutRoomForAState_SaysWhatIsNeeded()
    {
        var error = Assert.Throws<EngineStartException>(() => Start("managed", "auto", options => options with { PoolBytes = 70 * RecurrentModel.PageBytes }));
        Assert.Contains("at least 74 are needed (10 of them for the recurrent state of a sequence)", error.Message, StringComparison.Ordinal);
    }

    private static List<GenerationRequest> Requests() =>
    [
        Request("base", 40, 1),
        Request("base", 100, 2) with { Temperature = 0.9f },
        Request("base", 70, 3) with { Temperature = 1, Choices = 2 },
        Request(RecurrentModel.Adapter, 40, 1),
        Request(RecurrentModel.Adapter, 90, 4) with { Temperature = 1, RepetitionPenalty = 1.1f },
        Request("base", 33, 5) with { Embedding = new EmbeddingOptions(Normalize: false), MaxTokens = 0, TopLogprobs = null },
    ];

    private static GenerationRequest Request(string model, int tokens, int seed)
    {
        var random = new Random(seed);
        return new GenerationRequest
        {
            Id = "test",
            Tenant = RunningEngine.Tenant,
            Model = model,
            Prompt = new TokenPrompt([.. Enumerable.Range(0, tokens).Select(_ => random.Next(5, 2000))]),
            MaxTokens = 24,
            Temperature = 0,
            Seed = seed,
            TopLogprobs = 2,
        };
    }

    private static void AssertSame(IReadOnlyList<IReadOnlyList<Answer>> expected, IReadOnlyList<IReadOnlyList<Answer>> actual)
    {
        foreach (var (one, other) in expected.Zip(actual))
        {
            Assert.Equal(one, other);
        }
    }

    private async Task<List<IReadOnlyList<Answer>>> AloneAsync(string device, string isa, IEnumerable<GenerationRequest> requests)
    {
        await using var engine = Start(device, isa, options => options with { PrefixCaching = false });
        var alone = new List<IReadOnlyList<Answer>>();
        foreach (var request in requests)
        {
            alone.Add(await engine.RunAsync(request));
        }

        return alone;
    }

    private RunningEngine Start(string device, string isa, Func<EngineOptions, EngineOptions>? change = null) => RunningEngine.Start(
        device, isa, options => (change ?? (same => same))(options with { Model = _model.Folder, AdaptersRoot = _model.Adapters, PoolBytes = 4000 * RecurrentModel.PageBytes }));
}
