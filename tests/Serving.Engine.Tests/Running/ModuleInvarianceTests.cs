using System.Collections.Concurrent;
using Serving.Core.Memory;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// A preamble and one module are the plain sequence with the same positions, to the bit; and an answer with modules is the same alone, in a crowd, in chunks, warm, after preemption and
/// with modules from host memory, on every backend that this machine has. What a sibling or another tenant's module of equal text holds changes nothing.
/// </summary>
public sealed class ModuleInvarianceTests
{
    private const int MaxTokens = 16;
    private const long PageBytes = 49152;

    /// <summary>What a backend answers to <see cref="Work"/> alone, one after the other: computed once, and compared with every kind of company.</summary>
    private static readonly ConcurrentDictionary<(string Device, string InstructionSet, string Quantization), Lazy<Task<(IReadOnlyList<Answer> Answers, GenerationUsage Usage)[]>>> LoneAnswers = new();

    private static readonly Tenant Other = RunningEngine.Tenant with { Id = new TenantId("other"), Salt = Digest.Of("other"u8) };

    /// <summary>The managed backend and every instruction set that this machine has.</summary>
    public static TheoryData<string, string, string> Backends() => InvarianceTests.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_PreambleAndOneModule_IsThePlainSequences(string device, string isa, string quantization)
    {
        await using var engine = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization) });
        foreach (var model in new[] { "base", "pirate" })
        {
            var modules = new TestModules(RunningEngine.Tenant, model);
            foreach (var (document, i) in modules.All.Select((document, i) => (document, i)))
            {
                var prompt = modules.Prompt("What is said?", document);
                var request = Requests(model)[i];
                var (plain, _) = await engine.RunAsync(request, TestModules.Plain(prompt));
                var (first, missed) = await engine.RunAsync(request, prompt);
                var (again, found) = await engine.RunAsync(request, prompt);
                Assert.Equal(plain, first);
                Assert.Equal(plain, again);
                Assert.Equal(0, missed.Modules![0].CachedTokens);
                Assert.Equal(document.Tokens.Count, found.Modules![0].CachedTokens);
            }
        }

        await engine.QuiesceAsync();
        Assert.Equal((8L, 16L), (engine.Client.Snapshot.ModuleEncodes, engine.Client.Snapshot.ModuleHits));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_InAnyCompanyOrCached_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        var work = Work();
        var alone = await Alone(device, isa, quantization);
        await using var crowded = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), MaxBatchedTokens = 16 });
        var neighbours = Enumerable.Range(0, 24).Select(i => crowded.RunAsync(Neighbour(i))).ToArray();
        AssertSame(alone, await Task.WhenAll(work.Select(item => crowded.RunAsync(item.Request, item.Prompt))));
        await Task.WhenAll(neighbours);
        AssertSame(alone, await Task.WhenAll(work.Select(item => crowded.RunAsync(item.Request, item.Prompt))));
        await crowded.QuiesceAsync();
        Assert.True(crowded.Client.Snapshot.ModuleHits >= 2 * work.Count, "Few modules were found.");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_WithModulesThatComeAndGo_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        var work = Work();
        var alone = await Alone(device, isa, quantization);

        // Room for one request with its modules and adapter, and little more.
        await using var tight = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), PoolBytes = 100 * PageBytes, MaxModelLength = 1024, PrefixCaching = false });
        for (var round = 0; round < 2; round++)
        {
            AssertSame(alone, await Task.WhenAll(work.Select(item => tight.RunAsync(item.Request, item.Prompt))));
        }

        await tight.QuiesceAsync();
        var snapshot = tight.Client.Snapshot;
        Assert.True(snapshot.ModuleEvictions > 0, "Nothing was evicted.");
        Assert.Equal(snapshot.TotalPages, snapshot.FreePages + snapshot.CachedPages + snapshot.AdapterPages + snapshot.ModulePages);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_WithModulesFromHostMemory_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        var (request, prompt) = Work()[2];
        await using var engine = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), PoolBytes = 64 * KeptFormats.PageBytes(quantization), MaxModelLength = 1024, PrefixCaching = false });
        var (first, _) = await engine.RunAsync(request, prompt);
        var bytes = prompt.Imports.Sum(import => PagePool.PagesFor(import.Tokens.Count)) * KeptFormats.PageBytes(quantization);
        await engine.UntilAsync(snapshot => snapshot.ModuleHostBytes == bytes);

        // As long as the pool: every idle module has to go.
        var filler = TestModules.Plain(prompt) with { Tokens = [.. Enumerable.Repeat(9, 1000)], Positions = [.. Enumerable.Range(0, 1000)] };
        await engine.RunAsync(request with { Choices = 1, MaxTokens = 20 }, filler);
        await engine.UntilAsync(snapshot => snapshot.Modules == 0);
        var (again, usage) = await engine.RunAsync(request, prompt);
        Assert.Equal(first, again);
        Assert.Equal(prompt.Imports.Sum(import => import.Tokens.Count), usage.CachedTokens);
        await engine.UntilAsync(snapshot => snapshot.ModuleLoads == prompt.Imports.Count);
        Assert.Equal(prompt.Imports.Count, engine.Client.Snapshot.ModuleEncodes);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_AfterPreemption_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        // Five choices that grow side by side beyond the pool, whenever they arrive.
        var modules = new TestModules(RunningEngine.Tenant, "base");
        var request = Requests("base")[1] with { Choices = 5, MaxTokens = 220 };
        var prompt = modules.Prompt("What is said?", modules.All[0]);
        await using var roomy = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), PrefixCaching = false });
        var (alone, _) = await roomy.RunAsync(request, prompt);
        await using var tight = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), PoolBytes = 64 * KeptFormats.PageBytes(quantization), MaxModelLength = 1024, PrefixCaching = false });
        var (again, _) = await tight.RunAsync(request, prompt);
        Assert.Equal(alone, again);
        await tight.QuiesceAsync();
        Assert.True(tight.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
    }

    [Fact]
    public async Task Answer_SecretInASibling_ChangesNothing()
    {
        var answers = new List<(IReadOnlyList<Answer> Answers, int Cached)>();
        foreach (var secret in new[] { "1234", "9876" })
        {
            await using var engine = RunningEngine.Start();
            var modules = new TestModules(RunningEngine.Tenant, "base", secret);
            var request = Requests("base")[1];
            await engine.RunAsync(request, modules.Prompt("What is the code?", modules.Sibling, modules.All[0]));
            var (seen, usage) = await engine.RunAsync(request, modules.Prompt("What is the code?", modules.All[0], modules.All[1]));
            answers.Add((seen, usage.CachedTokens));
        }

        Assert.Equal(answers[0].Answers, answers[1].Answers);
        Assert.Equal(answers[0].Cached, answers[1].Cached);
    }

    [Fact]
    public async Task Answer_EqualTextOfAnotherTenant_IsNeitherFoundNorSeen()
    {
        await using var engine = RunningEngine.Start();
        var (own, others) = (new TestModules(RunningEngine.Tenant, "base"), new TestModules(Other, "base"));
        var request = Requests("base")[0];
        var (first, _) = await engine.RunAsync(request, own.Prompt("What is said?", own.All[0]));
        var (second, usage) = await engine.RunAsync(request with { Tenant = Other }, others.Prompt("What is said?", others.All[0]));
        Assert.Equal(first, second);
        Assert.Equal(0, usage.CachedTokens);
    }

    [Fact]
    public async Task Run_AHundredAtOnceOnOneModule_HoldItsPagesOnce()
    {
        await using var engine = RunningEngine.Start(change: options => options with { PrefixCaching = false });
        var modules = new TestModules(RunningEngine.Tenant, "base");
        var prompt = modules.Prompt("What is said?", modules.All[1]);
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => engine.RunAsync(Requests("base")[0], prompt)));
        Assert.All(answers, answer => Assert.Equal(answers[0].Answers, answer.Answers));
        Assert.Equal(99, answers.Count(answer => answer.Usage.Modules![0].CachedTokens > 0));
        await engine.QuiesceAsync();
        var snapshot = engine.Client.Snapshot;
        var pages = PagePool.PagesFor(modules.Preamble.Tokens.Count) + PagePool.PagesFor(modules.All[1].Tokens.Count);
        Assert.Equal((2, 2L, pages), (snapshot.Modules, snapshot.ModuleEncodes, snapshot.ModulePages));
        Assert.Equal(snapshot.TotalPages, snapshot.FreePages + snapshot.ModulePages);
    }

    [Fact]
    public async Task Cancel_WhileItsModulesAreEncoded_LeavesNothingBehind()
    {
        await using var engine = RunningEngine.Start(change: options => options with { PrefixCaching = false, MaxBatchedTokens = 16 });
        var modules = new TestModules(RunningEngine.Tenant, "base");
        for (var i = 0; i < 20; i++)
        {
            using var cancellation = new CancellationTokenSource();
            var prompt = modules.Prompt($"Question {i}", modules.All);
            var running = ((Hosting.EngineClient)engine.Client).SubmitAsync(Requests("base")[0], new Execution.EncodedPrompt(prompt.Tokens, null, prompt), cancellation.Token);
            await cancellation.CancelAsync();
            if ((await running).Stream is { } stream)
            {
                await stream.DisposeAsync();
            }
        }

        await engine.QuiesceAsync();
        var snapshot = engine.Client.Snapshot;
        Assert.Equal(snapshot.TotalPages, snapshot.FreePages + snapshot.ModulePages);
        Assert.Equal(0, snapshot.EncodingModules);
    }

    private static Task<(IReadOnlyList<Answer> Answers, GenerationUsage Usage)[]> Alone(string device, string isa, string quantization)
    {
        return LoneAnswers.GetOrAdd((device, isa, quantization), _ => new(Compute)).Value;

        async Task<(IReadOnlyList<Answer>, GenerationUsage)[]> Compute()
        {
            await using var engine = RunningEngine.Start(device, isa, options => options with { Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), PrefixCaching = false });
            var answers = new List<(IReadOnlyList<Answer>, GenerationUsage)>();
            foreach (var (request, prompt) in Work())
            {
                answers.Add(await engine.RunAsync(request, prompt));
            }

            return [.. answers];
        }
    }

    private static List<(GenerationRequest Request, CompiledPrompt Prompt)> Work()
    {
        var work = new List<(GenerationRequest, CompiledPrompt)>();
        foreach (var model in new[] { "base", "pirate", "json" })
        {
            var modules = new TestModules(RunningEngine.Tenant, model);
            var requests = Requests(model);
            work.Add((requests[0], modules.Prompt("What is the code?", modules.All[0], modules.All[2])));
            work.Add((requests[1], modules.Prompt("Who has a boat?", modules.All)));
            work.Add((requests[2], modules.Prompt("When is the race?", modules.Sibling, modules.All[1])));
        }

        return work;
    }

    // Greedy; sampled; two choices with penalties.
    private static GenerationRequest[] Requests(string model)
    {
        var request = RunningEngine.Chat(model, "unused", MaxTokens) with { TopLogprobs = 2, IgnoreEos = true };
        return
        [
            request,
            request with { Temperature = 0.9f, Seed = 7, TopP = 0.95f },
            request with { Temperature = 1.2f, Seed = 11, TopK = 40, Choices = 2, FrequencyPenalty = 0.3f, RepetitionPenalty = 1.1f },
        ];
    }

    private static GenerationRequest Neighbour(int index)
    {
        var model = ReferenceCase.Models[index % ReferenceCase.Models.Count];
        var cases = ReferenceCase.Of(model);
        return RunningEngine.Chat(model, cases[(index * 7) % cases.Count].Messages, 1 + (index % 20)) with { Seed = index, IgnoreEos = true };
    }

    private static void AssertSame((IReadOnlyList<Answer> Answers, GenerationUsage Usage)[] expected, (IReadOnlyList<Answer> Answers, GenerationUsage Usage)[] actual)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].Answers, actual[i].Answers);
        }
    }
}
