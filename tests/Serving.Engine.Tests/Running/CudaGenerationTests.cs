using Serving.Compute.Backends;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;
using Serving.Testing;
using Serving.Testing.Adapters;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// The whole engine on the emulated GPU with the bundled model and its adapters: one plan in flight while the next is scheduled, decoding steps from recordings,
/// prefill in chunks, preemption. The CPU backends' law on one request's bits holds in deterministic mode.
/// </summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaGenerationTests
{
    private const int TightPages = 64;
    private const int PageBytes = 49152;

    [Fact]
    public async Task Chat_AllModelsAtOnce_GivesTheReferenceTexts()
    {
        await using var engine = Start();
        Assert.Equal("cuda", engine.Client.Description.Device);
        var asked = ReferenceCase.Models.SelectMany(model => ReferenceCase.Of(model).Take(2).Select(reference => (Model: model, Reference: reference))).ToList();
        var answers = await Task.WhenAll(asked.Select(item => engine.RunAsync(RunningEngine.Chat(item.Model, item.Reference.Messages))));
        for (var i = 0; i < asked.Count; i++)
        {
            Assert.Equal(asked[i].Reference.OutputText, answers[i][0].Text);
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>
    /// With its matrices as integers, prompts and steps both ways of multiplying with them, or its keys and values: the answers of a CPU, whose arithmetic rounds inputs too, all but one at most.
    /// </summary>
    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("none" + KeptFormats.KeysAndValues)]
    public async Task Chat_OnIntegers_AnswersAsTheCpu(string formats)
    {
        var requests = ((string[])["base", "french"]).SelectMany(model => ReferenceCase.Of(model).Take(2).Select(reference => RunningEngine.Chat(model, reference.Messages, 16))).ToList();
        var texts = new List<string[]>();
        foreach (var device in (string[])["cuda", "auto"])
        {
            await using var engine = Start(options => options with { Device = device, Deterministic = false, Quantization = KeptFormats.Weights(formats), KeyValueCacheType = KeptFormats.KeyValues(formats) });
            Assert.Equal(KeptFormats.HasIntegers(formats) ? ("bf16", "int8") : (formats, "bf16"), (engine.Client.Description.Weights, engine.Client.Description.KeyValues));
            Assert.Equal(KeptFormats.PageBytes(formats), engine.Client.Description.PageBytes);
            texts.Add([.. (await Task.WhenAll(requests.Select(engine.RunAsync))).Select(answer => answer[0].Text)]);
        }

        Assert.InRange(texts[0].Zip(texts[1]).Count(pair => pair.First == pair.Second), requests.Count - 1, requests.Count);
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>Alone, with everyone else in chunks of 16 tokens, and found in the prefix cache; under constraints whose masks are there in time the second time only.</summary>
    [Fact]
    public async Task Answer_InAnyCompany_IsTheAnswerAlone()
    {
        var requests = Requests();
        await using var engine = Start(options => options with { MaxBatchedTokens = 16 });
        var alone = new List<IReadOnlyList<Answer>>();
        foreach (var request in requests)
        {
            alone.Add(await engine.RunAsync(request));
        }

        var together = await Task.WhenAll(requests.Select(engine.RunAsync));
        for (var i = 0; i < requests.Count; i++)
        {
            Assert.Equal(alone[i], together[i]);
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>A pool for half of them: some are preempted and computed again.</summary>
    [Fact]
    public async Task Answer_AfterPreemption_IsTheAnswerAlone()
    {
        var request = RunningEngine.Chat("base", "Tell me a story.", 130) with { TopLogprobs = 1, Temperature = 1, Seed = 3, Choices = 8, IgnoreEos = true };
        IReadOnlyList<Answer> roomy, tight;
        await using (var engine = Start())
        {
            roomy = await engine.RunAsync(request);
        }

        await using (var engine = Start(options => options with { PoolBytes = TightPages * PageBytes, MaxModelLength = 512, PrefixCaching = false, AdaptersRoot = null }))
        {
            tight = await engine.RunAsync(request);
            await engine.QuiesceAsync();
            Assert.True(engine.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
        }

        Assert.Equal(roomy, tight);
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>Masks that come too late, a pool that is too small, a client that goes away: every answer satisfies its constraint, and every page comes back.</summary>
    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:0,1")]
    public async Task Answer_UnderAConstraint_KeepsItWhateverHappens(string device)
    {
        var ranks = device.Split(',').Length;
        await using var engine = Start(options => options with { Device = device, PoolBytes = TightPages * PageBytes / ranks, MaxModelLength = 256, PrefixCaching = false, AdaptersRoot = null });
        var request = RunningEngine.Chat("base", "Hello", 150) with { Temperature = 1, Choices = 4, FrequencyPenalty = 0.5f };
        var (stream, _) = await engine.Client.SubmitAsync(request with { Constraint = new PatternConstraint("[a-z]{600}", "guided_regex") }, TestContext.Current.CancellationToken);
        var patterns = Enumerable.Range(0, 3).Select(i => $"([a-{(char)('m' + i)}][0-9]){{3{i},3{i + 4}}}[.!]").ToList(); // A token is hardly ever more than a character of it.
        var answers = await Task.WhenAll(patterns.Select((pattern, i) => engine.RunAsync(request with { Seed = i, Constraint = new PatternConstraint(pattern, "guided_regex") })));
        await stream!.DisposeAsync();
        for (var i = 0; i < answers.Length; i++)
        {
            Assert.All(answers[i], answer => Assert.Matches($"^{patterns[i]}$", answer.Text));
        }

        await engine.QuiesceAsync();
        Assert.True(engine.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>Stop strings and cancellation end sequences whose next token is computed already.</summary>
    [Fact]
    public async Task Completion_EndedWhileTheNextPlanRuns_GivesEveryPageBack()
    {
        await using var engine = Start();
        var answer = Assert.Single(await engine.RunAsync(RunningEngine.Chat("base", "Which color is a banana?") with { Stop = [" is y"] }));
        Assert.Equal((FinishReason.Stop, (object)" is y"), (answer.Reason, answer.Stop));
        var (stream, _) = await engine.Client.SubmitAsync(RunningEngine.Chat("pirate", "Tell me a story.", 200) with { IgnoreEos = true }, TestContext.Current.CancellationToken);
        await stream!.DisposeAsync();
        await engine.QuiesceAsync();
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>
    /// Host memory for two adapters of six and slots for two, all asked for at once, twice each: they push each other out of both while copies are under way, are read and
    /// cut again, and every answer is the answer alone.
    /// </summary>
    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:0,1")]
    public async Task Answer_HostMemoryForTwoAdapters_IsTheAnswerAlone(string device)
    {
        const int Adapters = 6;
        const int Rank16Pages = 19;
        using var folder = new TemporaryFolder();
        for (var i = 0; i < Adapters; i++)
        {
            AdapterGenerator.Write(Path.Combine(folder.Path, $"a{i}"), AdapterDimensions.Of(Repository.DemoModel), seed: i, rank: 16, AdapterGenerator.All);
        }

        GenerationRequest[] requests = [.. Enumerable.Range(0, 2 * Adapters).Select(i => RunningEngine.Chat($"a{i % Adapters}", "Hello", 2) with { IgnoreEos = true })];
        IReadOnlyList<Answer>[] crowd;
        await using (var engine = Start(options => options with { Device = device, AdaptersRoot = folder.Path, AdapterCacheBytes = 2 * Rank16Pages * PageBytes, MaxResidentAdapters = 2 }))
        {
            crowd = await Task.WhenAll(requests.Select(engine.RunAsync));
            await engine.QuiesceAsync();
            Assert.True(engine.Client.Snapshot.AdapterEvictions > 0, "Nothing was evicted.");
        }

        await using var roomy = Start(options => options with { Device = device, AdaptersRoot = folder.Path });
        for (var i = 0; i < Adapters; i++)
        {
            var alone = await roomy.RunAsync(requests[i]);
            Assert.Equal(alone, crowd[i]);
            Assert.Equal(alone, crowd[i + Adapters]);
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>An adapter larger than the pinned memory that was set aside is its caller's failure, which names the setting; others are served.</summary>
    [Fact]
    public async Task Chat_AdapterLargerThanItsHostMemory_IsRefused()
    {
        await using var engine = Start(options => options with { AdapterCacheBytes = 30 * PageBytes });
        var (stream, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("french", "Hello"), TestContext.Current.CancellationToken);
        Assert.Null(stream);
        Assert.Equal(RequestError.AdapterInvalid, failure!.Error);
        Assert.Contains("engine.adapter_cache_size", failure.Message, StringComparison.Ordinal);
        Assert.Single(await engine.RunAsync(RunningEngine.Chat("pirate", "Hello", 2)));
    }

    /// <summary>A device that fails while an adapter is packed, no step running: the engine ends with the reason, and so does the request.</summary>
    [Fact]
    public async Task Load_DeviceFails_EndsTheEngine()
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        await using (var engine = Start(options => options with { Device = "cuda:1" }))
        {
            CudaEmulator.FailAfter(1, 0, 700);
            var (stream, _) = await engine.Client.SubmitAsync(RunningEngine.Chat("pirate", "Tell me a story."), TestContext.Current.CancellationToken);
            var error = await Assert.ThrowsAnyAsync<ComputeException>(() => engine.Ended);
            Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)", error.Message, StringComparison.Ordinal);
            Assert.Equal(EngineState.Failed, engine.Client.State);
            await stream!.DisposeAsync();
        }
    }

    /// <summary>Tokens are not guessed ahead on a GPU: whoever asks for it is told, and nobody else notices.</summary>
    [Fact]
    public void Start_WithTokensGuessedAhead_IsRefused() =>
        Assert.Contains("engine.max_draft_tokens", Assert.Throws<EngineStartException>(() => Start(options => options with { MaxDraftTokens = 4 })).Message, StringComparison.Ordinal);

    /// <summary>A device that has failed says of what to everyone who comes later: where only the last of a log is left, that is there.</summary>
    [Fact]
    public void Start_OnADeviceThatHasFailed_SaysOfWhat()
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        CudaEmulator.FailAfter(1, 0, 719);
        Assert.Throws<EngineStartException>(() => Start(options => options with { Device = "cuda:1" }));
        var error = Assert.Throws<EngineStartException>(() => Start(options => options with { Device = "cuda:1" }));
        Assert.StartsWith("cuStreamCreateWithPriority failed: CUDA_ERROR_LAUNCH_FAILED (719)", error.Message, StringComparison.Ordinal);
        Assert.Contains("this failure was asked for", error.Message, StringComparison.Ordinal);
    }

    private static RunningEngine Start(Func<EngineOptions, EngineOptions>? change = null)
    {
        CudaEmulator.Require();
        return RunningEngine.Start("cuda", "auto", options =>
        {
            options = options with { Deterministic = true, MaxSequences = 16, MaxBatchedTokens = 256 };
            return change is null ? options : change(options);
        });
    }

    private static List<GenerationRequest> Requests()
    {
        var requests = new List<GenerationRequest>();
        foreach (var model in ReferenceCase.Models)
        {
            var cases = ReferenceCase.Of(model);
            requests.Add(RunningEngine.Chat(model, cases[3].Messages, 12) with { TopLogprobs = 2, Temperature = 0.9f, Seed = 7, TopP = 0.95f });
            requests.Add(RunningEngine.Chat(model, cases[4].Messages, 8) with { Temperature = 1.2f, Seed = 11, TopK = 40, Choices = 2, FrequencyPenalty = 0.3f, IgnoreEos = true });
        }

        foreach (var (index, constraint) in Constraints().Index())
        {
            var model = ReferenceCase.Models[index % ReferenceCase.Models.Count];
            requests.Add(RunningEngine.Chat(model, "Which color is a banana?", 14) with { TopLogprobs = 1, Temperature = 1, Seed = index, Choices = 2, RepetitionPenalty = 1.3f, Constraint = constraint });
        }

        // Rules on token ids are kept ahead of the last token, too.
        requests.Add(RunningEngine.Chat("base", "Which color is a banana?", 14) with { TopLogprobs = 1, Temperature = 1, Seed = 5, Choices = 2, MinTokens = 6, BadWords = ["the", "is"] });
        return requests;
    }

    // The first has another mask at every place, which nobody has needed before: what is planned ahead of it does not count.
    private static OutputConstraint[] Constraints() =>
    [
        new PatternConstraint("[a-z ]{30}", "guided_regex"),
        new ChoiceConstraint(["yes", "no", "maybe, but not today"], "guided_choice"),
        new JsonObjectConstraint("response_format"),
    ];
}
