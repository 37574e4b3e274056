using System.Text.Json;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Hosting;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>A whole engine with the bundled model, as the daemon runs it, without the HTTP front.</summary>
public sealed class RunningEngine : IAsyncDisposable
{
    /// <summary>A tenant without limits.</summary>
    public static readonly Tenant Tenant = new(new TenantId("default"), 1, Digest.Of("test"u8), new TenantLimits(int.MaxValue, long.MaxValue));

    private readonly ServingEngine _engine;

    private RunningEngine(ServingEngine engine) => _engine = engine;

    /// <summary>The engine's door.</summary>
    public IEngineClient Client => _engine.Client;

    /// <summary>Completes when the engine thread has ended; faulted with the reason when the engine failed.</summary>
    public Task Ended => _engine.Ended;

    /// <summary>Starts an engine on the bundled model.</summary>
    /// <param name="device">managed or cpu.</param>
    /// <param name="isa">Instruction set of the CPU backend.</param>
    /// <param name="change">Changes to the options.</param>
    /// <param name="notice">Takes what the engine says at start.</param>
    /// <param name="time">Its clock; null is the system's.</param>
    public static RunningEngine Start(string device = "managed", string isa = "auto", Func<EngineOptions, EngineOptions>? change = null, Action<string>? notice = null, TimeProvider? time = null)
    {
        var options = new EngineOptions
        {
            Model = Repository.DemoModel,
            ServedModelName = "base",
            AdaptersRoot = Repository.DemoAdapters,
            Device = device,
            CpuInstructionSet = isa,
            PoolBytes = 64 << 20,
        };
        return new RunningEngine(ServingEngine.Start(change is null ? options : change(options), time ?? TimeProvider.System, notice ?? (_ => { }), null));
    }

    /// <summary>A chat request with one user message.</summary>
    public static GenerationRequest Chat(string model, string content, int maxTokens = 48) =>
        Chat(model, JsonSerializer.SerializeToElement(new[] { new { role = "user", content } }), maxTokens);

    /// <summary>A chat request.</summary>
    public static GenerationRequest Chat(string model, JsonElement messages, int maxTokens = 64) => new()
    {
        Id = "test",
        Tenant = Tenant,
        Model = model,
        Prompt = new ChatPrompt(messages),
        MaxTokens = maxTokens,
        Temperature = 0,
    };

    /// <summary>Runs a request to its end.</summary>
    public async Task<IReadOnlyList<Answer>> RunAsync(GenerationRequest request)
    {
        var (stream, failure) = await Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        await using (stream)
        {
            return await CompleteAsync(stream);
        }
    }

    /// <summary>Runs a request to its end, event by event.</summary>
    public async Task<(IReadOnlyList<GenerationEvent> Events, GenerationUsage Usage)> EventsAsync(GenerationRequest request)
    {
        var (stream, failure) = await Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        await using (stream)
        {
            return (await stream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken), stream.Usage);
        }
    }

    /// <summary>Runs a request whose prompt is encoded already to its end.</summary>
    internal async Task<(IReadOnlyList<Answer> Answers, GenerationUsage Usage)> RunAsync(GenerationRequest request, CompiledPrompt prompt)
    {
        var client = (EngineClient)Client;
        var (stream, failure) = await client.SubmitAsync(request, new EncodedPrompt(prompt.Tokens, null, prompt), TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        await using (stream)
        {
            return (await CompleteAsync(stream), stream.Usage);
        }
    }

    /// <summary>Waits until nothing runs or waits.</summary>
    public Task QuiesceAsync() => UntilAsync(snapshot => snapshot is { Running: 0, Waiting: 0, SequencePages: 0 });

    /// <summary>Waits until the engine's state is as asked.</summary>
    public async Task UntilAsync(Func<EngineSnapshot, bool> reached)
    {
        ArgumentNullException.ThrowIfNull(reached);
        while (!reached(Client.Snapshot))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    /// <summary>Reads to the end. That the engine failed is no answer to compare: its reason is thrown.</summary>
    private async Task<IReadOnlyList<Answer>> CompleteAsync(GenerationStream stream)
    {
        var answers = await Answer.ReadAsync(stream, TestContext.Current.CancellationToken);
        if (answers.Any(answer => answer.Failure?.Error == RequestError.EngineFailed))
        {
            await Ended;
        }

        return answers;
    }
}
