using Serving.Engine.Requests;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// The whole engine on the emulated GPU with small random models some of whose layers have a recurrent state: one plan in flight while the next is scheduled, decoding steps from recordings, prefill in
/// chunks, preemption. A version of a state is five pages, whose borders heads cross.
/// </summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaRecurrenceTests
{
    private const int PageBytes = 4096;

    /// <summary>Alone; with everyone else, in chunks of 16 tokens; and once more, what is kept of prompts found.</summary>
    [Theory]
    [InlineData("Qwen3_5ForCausalLM")]
    [InlineData("Qwen3_5MoeForCausalLM")]
    public async Task Answer_InAnyCompany_IsTheAnswerAlone(string architecture)
    {
        using var folder = Write(architecture);
        var requests = Requests();
        var alone = new List<IReadOnlyList<Answer>>();
        foreach (var request in requests)
        {
            await using var engine = Start(folder, options => options with { MaxBatchedTokens = 256 });
            Assert.Equal("cuda", engine.Client.Description.Device);
            alone.Add(await engine.RunAsync(request));
        }

        await using (var engine = Start(folder))
        {
            for (var round = 0; round < 2; round++)
            {
                var together = await Task.WhenAll(requests.Select(engine.RunAsync));
                for (var i = 0; i < requests.Count; i++)
                {
                    Assert.Equal(alone[i], together[i]);
                }
            }

            await engine.QuiesceAsync();
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>A pool for half of them: some are preempted and computed again.</summary>
    [Fact]
    public async Task Answer_AfterPreemption_IsTheAnswerAlone()
    {
        using var folder = Write("Qwen3_5ForCausalLM");
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Text($"Tell me story {i}.", 60) with { Temperature = 1, Seed = i, TopLogprobs = 1 })];
        IReadOnlyList<Answer>[] roomy, tight;
        await using (var engine = Start(folder))
        {
            roomy = await Task.WhenAll(requests.Select(engine.RunAsync));
        }

        await using (var engine = Start(folder, options => options with { PoolBytes = 80 * PageBytes, MaxModelLength = 128, PrefixCaching = false }))
        {
            tight = await Task.WhenAll(requests.Select(engine.RunAsync));
            await engine.QuiesceAsync();
            Assert.True(engine.Client.Snapshot.Preemptions > 0, "Nothing was preempted.");
        }

        Assert.Equal(roomy, tight);
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>The answers of a CPU, whose sums have another order, all but one at most.</summary>
    [Fact]
    public async Task Answer_OnAGpu_IsTheCpus()
    {
        using var folder = Write("Qwen3_5ForCausalLM");
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => Text($"{i} colors of a banana", 5))];
        var answers = new List<string[]>();
        foreach (var device in (string[])["cuda", "managed"])
        {
            await using var engine = Start(folder, options => options with { Device = device });
            answers.Add([.. (await Task.WhenAll(requests.Select(engine.RunAsync))).Select(answer => answer[0].Text)]);
        }

        Assert.InRange(answers[0].Zip(answers[1]).Count(pair => pair.First == pair.Second), requests.Length - 1, requests.Length);
        Assert.True(answers[0].Distinct().Count() > 1, "All answers are the same.");
    }

    /// <summary>A state is not cut for several GPUs: whoever asks for it is told.</summary>
    [Fact]
    public void Start_OnTwoGpus_IsRefused()
    {
        using var folder = Write("Qwen3_5ForCausalLM");
        Assert.Contains("recurrent state", Assert.Throws<EngineStartException>(() => Start(folder, options => options with { Device = "cuda:0,1" })).Message, StringComparison.Ordinal);
    }

    private static RunningEngine Start(TemporaryFolder folder, Func<EngineOptions, EngineOptions>? change = null)
    {
        CudaEmulator.Require();
        return RunningEngine.Start("cuda", "auto", options =>
        {
            options = options with { Model = folder.Path, AdaptersRoot = null, Deterministic = true, MaxSequences = 16, MaxBatchedTokens = 16, PoolBytes = 2000 * PageBytes };
            return change is null ? options : change(options);
        });
    }

    private static List<GenerationRequest> Requests() =>
    [
        Text("Which color is a banana? Say it in a few words, and say why; then say it once more.", 12) with { TopLogprobs = 2, Temperature = 0.9f, Seed = 7, TopP = 0.95f },
        Text("Which color is a banana? Say it in a few words, and say why; or be silent.", 9) with { Temperature = 1.2f, Seed = 11, TopK = 40, Choices = 2, FrequencyPenalty = 0.3f },
        Text("Hi", 10) with { TopLogprobs = 1 },
        .. Enumerable.Range(0, 5).Select(i => Text(string.Concat(Enumerable.Repeat("a tree and ", 1 + (3 * i))), 6 + i)),
    ];

    private static GenerationRequest Text(string prompt, int tokens) => RunningEngine.Chat("base", prompt, tokens) with { Prompt = new TextPrompt(prompt), IgnoreEos = true };

    /// <summary>A random model of a family, with the tokenizer of the bundled one.</summary>
    private static TemporaryFolder Write(string architecture)
    {
        const int Vocabulary = 2048;
        var model = RecurrentFamilyTests.Make(architecture);
        model.Config["vocab_size"] = Vocabulary;
        model.Add("model.embed_tokens.weight", Vocabulary, TinyModel.Hidden);
        model.Add("lm_head.weight", Vocabulary, TinyModel.Hidden);
        var folder = new TemporaryFolder();
        model.Write(folder.Path);
        foreach (var name in (string[])["tokenizer.json", "tokenizer_config.json"])
        {
            File.Copy(Path.Combine(Repository.DemoModel, name), folder.PathOf(name));
        }

        return folder;
    }
}
