using Serving.Compute.Backends;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>The whole engine with the bundled model on two emulated GPUs, each with half of the model, of every page and of every adapter.</summary>
[Collection(EmulatedGpus.Name)]
public sealed class ParallelGenerationTests
{
    /// <summary>Base and all adapters in one batch: the sums have another order than on one device, and the texts are still the references'.</summary>
    [Fact]
    public async Task Chat_AllModelsAtOnce_GivesTheReferenceTexts()
    {
        await using var engine = Start();
        Assert.Equal(("cuda", 2), (engine.Client.Description.Device, engine.Client.Description.Threads));
        Assert.Equal(24576, engine.Client.Description.PageBytes);
        var asked = ReferenceCase.Models.Select(model => (Model: model, Reference: ReferenceCase.Of(model)[0])).ToList();
        var answers = await Task.WhenAll(asked.Select(item => engine.RunAsync(RunningEngine.Chat(item.Model, item.Reference.Messages))));
        for (var i = 0; i < asked.Count; i++)
        {
            Assert.Equal(asked[i].Reference.OutputText, answers[i][0].Text);
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>In deterministic mode the bits of an answer are those of the answer alone, with two ranks too.</summary>
    [Fact]
    public async Task Answer_InCompany_IsTheAnswerAlone()
    {
        await using var engine = Start(options => options with { Deterministic = true, MaxBatchedTokens = 16 });
        var request = RunningEngine.Chat("pirate", "What is the capital of France?", 6) with { TopLogprobs = 2, Temperature = 0.9f, Seed = 7, TopP = 0.95f, IgnoreEos = true };
        var alone = await engine.RunAsync(request);
        var constrained = request with { Model = "base", Seed = 8, FrequencyPenalty = 0.5f, IgnoreEos = false, Constraint = new PatternConstraint("[a-z]{3,9}, [0-9]{2}", "guided_regex") };
        var aloneConstrained = await engine.RunAsync(constrained);
        var company = ReferenceCase.Models.Select(model => engine.RunAsync(RunningEngine.Chat(model, "Which color is a banana?", 6))).ToList();
        var again = engine.RunAsync(constrained);
        Assert.Equal(alone, await engine.RunAsync(request));
        Assert.Equal(aloneConstrained, await again);
        await Task.WhenAll(company);
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>One device fails while both compute: the engine ends with that device's reason.</summary>
    [Fact]
    public async Task Step_OneDeviceFails_EndsTheEngine()
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        await using (var engine = Start())
        {
            CudaEmulator.FailAfter(1, 30, 700);
            var (stream, _) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "Tell me a story."), TestContext.Current.CancellationToken);
            var error = await Assert.ThrowsAnyAsync<ComputeException>(() => engine.Ended);
            Assert.Contains("rank 1 of 2", error.Message, StringComparison.Ordinal);
            Assert.Equal(EngineState.Failed, engine.Client.State);
            await stream!.DisposeAsync();
        }
    }

    private static RunningEngine Start(Func<EngineOptions, EngineOptions>? change = null)
    {
        CudaEmulator.RequireEmulated();
        return RunningEngine.Start("cuda:0,1", "auto", options =>
        {
            options = options with { MaxSequences = 16, MaxBatchedTokens = 256 };
            return change is null ? options : change(options);
        });
    }
}
