using System.Collections.Concurrent;
using System.Text.Json;
using Serving.Compute.Cpu;
using Serving.Core.Memory;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// The answer is a pure function of the request: the same text, ids and logprob bits alone, in a crowd of other adapters, in chunks of 16 tokens, with a warm
/// prefix cache, after preemption, and with coming tokens guessed ahead or not, on every backend that this machine has.
/// </summary>
public sealed class InvarianceTests
{
    private const int Crowd = 63;
    private const int MaxTokens = 24;
    private const int TightPages = 150;
    private const int PageBytes = 49152;

    /// <summary>What a backend answers to <see cref="Requests"/> alone, one after the other, with nothing cached and nothing guessed: computed once, and compared with every kind of company.</summary>
    private static readonly ConcurrentDictionary<(string Device, string InstructionSet, string Quantization), Lazy<Task<List<IReadOnlyList<Answer>>>>> LoneAnswers = new();

    /// <summary>The managed backend and every instruction set that this machine has; the fastest with matrices of integers, and with keys and values of integers, too.</summary>
    public static TheoryData<string, string, string> Backends()
    {
        var data = new TheoryData<string, string, string> { { "managed", "auto", "none" } };

        // Emulated instructions are too slow for whole crowds; the backend contract holds them to the same law on small programs.
        foreach (var isa in CpuBackend.SupportedInstructionSets.Where(isa => !isa.Contains("emulated", StringComparison.Ordinal) && !CpuEmulator.IsEmulated(isa)))
        {
            data.Add("cpu", isa, "none");
        }

        if (data.Count > 1)
        {
            data.Add("cpu", "auto", "int8");
            data.Add("cpu", "auto", "int4" + KeptFormats.KeysAndValues);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_InAnyCompany_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        var requests = Requests();
        var alone = await Alone(device, isa, quantization);
        await using var engine = RunningEngine.Start(device, isa, options => options with { PrefixCaching = false, Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization) });
        var crowd = Enumerable.Range(0, Crowd).Select(i => engine.RunAsync(Neighbour(i))).ToArray();
        var together = await Task.WhenAll(requests.Select(engine.RunAsync));
        await Task.WhenAll(crowd);
        AssertSame(requests, alone, together);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_InChunksOrCached_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        var requests = Requests();
        var alone = await Alone(device, isa, quantization);
        await using var chunked = RunningEngine.Start(device, isa, options => options with { MaxBatchedTokens = 16, Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization) });
        AssertSame(requests, alone, await Task.WhenAll(requests.Select(chunked.RunAsync)));

        // The second time every full page of every prompt is found.
        var hits = chunked.Client.Snapshot.PrefixCacheHits;
        AssertSame(requests, alone, await Task.WhenAll(requests.Select(chunked.RunAsync)));
        await chunked.QuiesceAsync();
        Assert.True(chunked.Client.Snapshot.PrefixCacheHits > hits, "No prompt was found in the prefix cache.");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_AfterPreemption_IsTheAnswerAlone(string device, string isa, string quantization)
    {
        GenerationRequest[] crowding = [Crowding("base"), Crowding("pirate")];
        List<GenerationRequest> requests = [.. crowding, .. Requests()];
        var alone = await Alone(device, isa, quantization, crowding);

        // Room for the largest adapter and a handful of sequences. Whatever arrives when, the choices of a crowding request grow side by side beyond it: some are preempted.
        await using var tight = RunningEngine.Start(
            device,
            isa,
            options => options with { PoolBytes = TightPages * PageBytes, MaxModelLength = 512, PrefixCaching = false, Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization) });
        AssertSame(requests, alone, await Task.WhenAll(requests.Select(tight.RunAsync)));
        await tight.QuiesceAsync();
        Assert.True(tight.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
    }

    /// <summary>Texts that repeat themselves, for which guesses come true, and some that do not; in a crowd there are more rows than without guesses, and never the same ones.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Answer_WithTokensGuessedAhead_IsTheAnswerWithout(string device, string isa, string quantization)
    {
        GenerationRequest[] repeating = [Crowding("base") with { Temperature = 0.5f, Choices = 2 }, Crowding("pirate") with { Temperature = 0, Choices = 1, RepetitionPenalty = 1.05f }];
        List<GenerationRequest> requests = [.. repeating, .. Requests()];
        var without = await Alone(device, isa, quantization, repeating);
        await using var engine = RunningEngine.Start(device, isa, options => options with { MaxDraftTokens = 15, Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization) });
        foreach (var (index, request) in requests.Index())
        {
            Assert.Equal(without[index], await engine.RunAsync(request));
        }

        var crowd = Enumerable.Range(0, Crowd / 4).Select(i => engine.RunAsync(Neighbour(i))).ToArray();
        AssertSame(requests, without, await Task.WhenAll(requests.Select(engine.RunAsync)));
        await Task.WhenAll(crowd);
        await engine.QuiesceAsync();
        var snapshot = engine.Client.Snapshot;
        Assert.InRange(snapshot.AcceptedDrafts, 100, snapshot.DraftedTokens - 1);
    }

    // Eight choices that come to twenty pages of output each.
    private static GenerationRequest Crowding(string model) => RunningEngine.Chat(model, "Tell me a story.", 20 * PagePool.SlotsPerPage) with
    {
        TopLogprobs = 1,
        Temperature = 1,
        Seed = 3,
        Choices = 8,
        IgnoreEos = true,
    };

    /// <summary>The answers to a test's own requests, if it has some, and to everyone's behind them.</summary>
    private static async Task<List<IReadOnlyList<Answer>>> Alone(string device, string isa, string quantization, params GenerationRequest[] own)
    {
        var shared = LoneAnswers.GetOrAdd((device, isa, quantization), _ => new(() => Compute(Requests()))).Value;
        return [.. own.Length == 0 ? [] : await Compute(own), .. await shared];

        async Task<List<IReadOnlyList<Answer>>> Compute(IEnumerable<GenerationRequest> requests)
        {
            await using var engine = RunningEngine.Start(device, isa, options => options with { PrefixCaching = false, Quantization = KeptFormats.Weights(quantization), KeyValueCacheType = KeptFormats.KeyValues(quantization), MaxDraftTokens = 0 });
            var alone = new List<IReadOnlyList<Answer>>();
            foreach (var request in requests)
            {
                alone.Add(await engine.RunAsync(request));
            }

            return alone;
        }
    }

    private static List<GenerationRequest> Requests()
    {
        var requests = new List<GenerationRequest>();
        foreach (var model in ReferenceCase.Models)
        {
            var cases = ReferenceCase.Of(model);
            requests.Add(RunningEngine.Chat(model, cases[2].Messages, MaxTokens) with { TopLogprobs = 3 });
            requests.Add(RunningEngine.Chat(model, cases[3].Messages, MaxTokens) with { TopLogprobs = 0, Temperature = 0.9f, Seed = 7, TopP = 0.95f });
            requests.Add(RunningEngine.Chat(model, cases[3].Messages, 0) with { Embedding = new EmbeddingOptions(Normalize: false) });
            requests.Add(RunningEngine.Chat(model, cases[4].Messages, MaxTokens) with
            {
                TopLogprobs = 2,
                Temperature = 1.2f,
                Seed = 11,
                TopK = 40,
                MinP = 0.01f,
                Choices = 2,
                FrequencyPenalty = 0.3f,
                RepetitionPenalty = 1.1f,
                IgnoreEos = true,
            });
        }

        foreach (var (index, constraint) in Constraints().Index())
        {
            requests.Add(RunningEngine.Chat("base", ReferenceCase.Of("base")[5].Messages, MaxTokens) with { TopLogprobs = 2, Temperature = 1, Seed = index, Choices = 2, Constraint = constraint });
        }

        foreach (var (index, constraint) in Constraints().Prepend(null).Index())
        {
            requests.Add(RunningEngine.Chat("base", ReferenceCase.Of("base")[6].Messages, MaxTokens) with
            {
                TopLogprobs = 1,
                Temperature = 1,
                Seed = index,
                Choices = 2,
                Constraint = constraint,
                MinTokens = 12,
                BadWords = ["the", "an", "is", "a b"],
            });
        }

        return requests;
    }

    private static IEnumerable<OutputConstraint> Constraints() =>
    [
        new PatternConstraint("[a-z ]{4,40}[.!]", "guided_regex"),
        new ChoiceConstraint(["yes", "no", "maybe, but not today"], "guided_choice"),
        new JsonSchemaConstraint(JsonSerializer.SerializeToElement(new { type = "object", properties = new { a = new { type = "integer" }, b = new { type = "string" } } }), "guided_json"),
    ];

    private static GenerationRequest Neighbour(int index)
    {
        var model = ReferenceCase.Models[index % ReferenceCase.Models.Count];
        var cases = ReferenceCase.Of(model);
        return RunningEngine.Chat(model, cases[(index * 7) % cases.Count].Messages, 1 + (index % 40)) with
        {
            Temperature = index % 3 == 0 ? 0 : 1,
            Seed = index,
            IgnoreEos = index % 2 == 0,
        };
    }

    private static void AssertSame(
        IReadOnlyList<GenerationRequest> requests,
        IReadOnlyList<IReadOnlyList<Answer>> expected,
        IReadOnlyList<IReadOnlyList<Answer>> actual)
    {
        for (var i = 0; i < requests.Count; i++)
        {
            Assert.Equal(expected[i], actual[i]);
        }
    }
}
