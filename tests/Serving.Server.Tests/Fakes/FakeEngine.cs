using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Execution;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Tests.Fakes;

/// <summary>
/// An engine that computes nothing: it validates like the real one, keeps every accepted request, and answers what <see cref="Script"/> says (by default
/// the two tokens "Hello" and " world" for each choice).
/// </summary>
internal sealed class FakeEngine : IEngineClient
{
    /// <summary>What the model does about tools.</summary>
    public static ToolSupport Tools { get; } = new() { Format = ToolCallFormat.Hermes };

    /// <summary>What the model can be told about thinking.</summary>
    public static ReasoningSupport Reasoning { get; } = new() { Format = ReasoningFormat.Think, Thinks = true, Switch = "enable_thinking" };

    private readonly RequestValidator _validator = new(new RequestLimits(2048, 1000, 8) { HiddenSize = HiddenSize }, Tools, Reasoning);
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;

    public const string Model = "base";

    /// <summary>Elements of an embedding.</summary>
    public const int HiddenSize = 4;

    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Testing.Repository.DemoModel);

    public FakeEngine()
    {
        var renderer = new ConversationRenderer(Tokenizer, ChatTemplate.Parse(Tokenizer.ChatTemplate!), TimeProvider.System);
        Schemas = new PromptSchemas(
            new SchemaStore(new SchemaStoreOptions(MaxSchemas: 16, MaxOwnerSize: 1 << 20, MaxSize: 4 << 20), TimeProvider.System),
            new SchemaCompiler(Tokenizer, renderer, 2048),
            (_, work, _) => new(work()),
            (tenant, model, _) => new(Known(tenant, model)),
            (_, _, _) => default,
            TimeProvider.System);
    }

    public EngineDescription Description { get; } = new()
    {
        ModelName = Model,
        ModelSource = "/secret/place",
        CreatedUnixSeconds = 1_700_000_000,
        Device = "fake",
        InstructionSet = "none",
        Threads = 1,
        MaxModelLength = 2048,
        VocabularySize = 1000,
        HiddenSize = HiddenSize,
        ParameterCount = 1,
        Weights = "bf16",
        PoolPages = 100,
        PageBytes = 4096,
        AdapterSlots = 8,
        MaxSequences = 64,
        WeightScheme = "GPTQ, 4-bit integers in groups of 128",
        HasChatTemplate = true,
    };

    /// <summary>The real schemas, for the bundled model's tokenizer and template.</summary>
    public IPromptSchemas Schemas { get; }

    public EngineState State { get; set; } = EngineState.Ready;

    public bool IsAlive { get; set; } = true;

    public EngineSnapshot Snapshot { get; set; } = new() { TotalPages = 100, FreePages = 100 };

    public EngineStatistics Statistics { get; } = new();

    public HostCaches Caches { get; set; }

    /// <summary>Adapters: name and owner (null is shared).</summary>
    public List<(string Name, string? Owner)> Adapters { get; } = [("pirate", null), ("json", null)];

    /// <summary>What happens to a request that was accepted.</summary>
    public Action<FakeRequest> Script { get; set; } = request => request.Say(["Hello", " world"]);

    /// <summary>Refuses every request with this.</summary>
    public RequestFailure? Refusal { get; set; }

    /// <summary>What happens when a request is refused.</summary>
    public Action? OnRefused { get; set; }

    /// <summary>Throws this at every submission: a bug in the engine.</summary>
    public Exception? Bug { get; set; }

    /// <summary>Fault it to make the engine fail.</summary>
    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Accepted requests, oldest first.</summary>
    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    /// <summary>Calls of load and unload.</summary>
    public ConcurrentQueue<string> AdapterCalls { get; } = new();

    /// <summary>What every tenant's rates are said to be.</summary>
    public TenantRates Rates { get; set; }

    /// <summary>Tokens that every accepted request reserves.</summary>
    public long Reservation { get; set; }

    public int Running => Volatile.Read(ref _running);

    public ValueTask<SubmitResult> SubmitAsync(GenerationRequest request, CancellationToken cancellationToken)
    {
        if (Bug is not null)
        {
            throw Bug;
        }

        var failure = Refusal ?? _validator.Validate(request) ?? Known(request.Tenant, request.Model);
        if (failure is not null)
        {
            OnRefused?.Invoke();
            return new(new SubmitResult(null, failure));
        }

        Interlocked.Increment(ref _running);
        var accepted = new FakeRequest(request, OnEnd, Reservation);
        Requests.Enqueue(accepted);
        cancellationToken.Register(accepted.Cancel);
        Script(accepted);
        return new(new SubmitResult(accepted.Stream, null));
    }

    public TenantRates RatesOf(Tenant tenant) => Rates;

    public ValueTask<TokenizeResult> TokenizeAsync(Tenant tenant, string? model, GenerationPrompt prompt, bool addSpecialTokens, CancellationToken cancellationToken)
    {
        if (Known(tenant, model ?? Model) is { } unknown)
        {
            return new(new TokenizeResult([], [], unknown));
        }

        if (prompt is ChatPrompt chat && _validator.ValidateChat(chat) is { } failure)
        {
            return new(new TokenizeResult([], [], failure));
        }

        var texts = prompt is TextPrompt text ? text.Text.Split(' ') : ["chat"];
        return new(new TokenizeResult([.. texts.Select(word => word.Length)], texts, null));
    }

    public ValueTask<DetokenizeResult> DetokenizeAsync(Tenant tenant, string? model, IReadOnlyList<int> tokens, CancellationToken cancellationToken) =>
        new(Known(tenant, model ?? Model) is { } unknown ? new DetokenizeResult("", unknown)
            : _validator.ValidateTokens(tokens, "tokens") is { } failure ? new DetokenizeResult("", failure)
            : new DetokenizeResult(string.Join(' ', tokens), null));

    /// <summary>Why adapters are not known; null where they are.</summary>
    public RequestFailure? DiskFailure { get; set; }

    public ValueTask<ListedModels> ListModelsAsync(Tenant tenant, CancellationToken cancellationToken) =>
        new(DiskFailure is null ? new ListedModels(ListModels(tenant), null) : new ListedModels([.. ListModels(tenant).Take(1)], DiskFailure));

    public ValueTask<FoundModel> FindModelAsync(Tenant tenant, string name, CancellationToken cancellationToken) =>
        new(name != Model && DiskFailure is { } failure ? new FoundModel(null, failure)
            : ListModels(tenant).FirstOrDefault(entry => entry.Name == name) is { } entry ? new FoundModel(entry, null) : new FoundModel(null, Failures.ModelNotFound(name)));

    private IReadOnlyList<ModelEntry> ListModels(Tenant tenant) =>
    [
        new ModelEntry(Model, null, Model, null, 1_700_000_000),
        .. Adapters.Where(adapter => adapter.Owner is null || adapter.Owner == tenant.Id.Value)
            .OrderBy(adapter => adapter.Name, StringComparer.Ordinal)
            .Select(adapter => new ModelEntry(adapter.Name, Model, adapter.Name, adapter.Owner, 1_700_000_001)),
    ];

    public ValueTask<RequestFailure?> LoadAdapterAsync(Tenant tenant, bool isAdmin, string name, string? path, bool loadInPlace, CancellationToken cancellationToken)
    {
        AdapterCalls.Enqueue($"load {tenant.Id.Value} {(isAdmin ? "admin" : "tenant")} {name} {path ?? "-"} {loadInPlace}");
        return new(Refusal ?? May(tenant, isAdmin, name));
    }

    public ValueTask<RequestFailure?> UnloadAdapterAsync(Tenant tenant, bool isAdmin, string name, CancellationToken cancellationToken)
    {
        AdapterCalls.Enqueue($"unload {tenant.Id.Value} {(isAdmin ? "admin" : "tenant")} {name}");
        return new(Refusal ?? May(tenant, isAdmin, name));
    }

    /// <summary>What a drain ends with at once, where it does.</summary>
    public Exception? DrainFailure { get; set; }

    public Task DrainAsync(CancellationToken cancellationToken)
    {
        if (DrainFailure is { } failure)
        {
            throw failure;
        }

        State = EngineState.Draining;
        if (Running == 0)
        {
            _idle.TrySetResult();
        }

        return _idle.Task.WaitAsync(cancellationToken);
    }

    private void OnEnd()
    {
        if (Interlocked.Decrement(ref _running) == 0 && State == EngineState.Draining)
        {
            _idle.TrySetResult();
        }
    }

    private RequestFailure? Known(Tenant tenant, string model) => ListModels(tenant).Any(entry => entry.Name == model) ? null : Failures.ModelNotFound(model);

    private RequestFailure? May(Tenant tenant, bool isAdmin, string name) =>
        Adapters.Any(adapter => adapter.Name == name && (adapter.Owner == tenant.Id.Value || (adapter.Owner is null && isAdmin))) ? null : Failures.ModelNotFound(name);
}

/// <summary>A request that the fake accepted; the test plays the engine's part.</summary>
internal sealed class FakeRequest
{
    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>();
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action _onEnd;
    private readonly int[] _outputs;
    private int _ended;
    private int _said;
    private int _thought;

    public FakeRequest(GenerationRequest request, Action onEnd, long reservation)
    {
        Request = request;
        _outputs = new int[request.Choices];
        _onEnd = onEnd;
        Stream = new GenerationStream(request.Id, request.Model, [1, 2, 3], request.Choices, _events.Reader, () => new GenerationUsage(3, Volatile.Read(ref _said), 2, Modules) { ReasoningTokens = Volatile.Read(ref _thought) }, Cancel)
        {
            ReservedTokens = reservation,
        };
    }

    public GenerationRequest Request { get; }

    public GenerationStream Stream { get; }

    /// <summary>What the usage says of imported modules.</summary>
    public IReadOnlyList<ModuleUsage>? Modules { get; set; }

    /// <summary>Ends when the request was cancelled before its end.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>Sends an event.</summary>
    public void Send(GenerationEvent happened)
    {
        Interlocked.Add(ref _said, happened.Tokens.Count);
        Interlocked.Add(ref _thought, happened.Reasoning.Length > 0 ? happened.Tokens.Count : 0);
        _outputs[happened.Choice] += happened.Tokens.Count;
        _events.Writer.TryWrite(happened with { OutputTokens = _outputs[happened.Choice] });
    }

    /// <summary>Sends words, the same for every choice, and ends.</summary>
    public void Say(IReadOnlyList<string> words, FinishReason reason = FinishReason.Stop)
    {
        if (Request.Embedding is { } options)
        {
            Embed([.. new[] { 0.5f, -1.25f, 3e-8f, words.Count }.Take(options.Dimensions ?? FakeEngine.HiddenSize)]);
            return;
        }

        for (var choice = 0; choice < Request.Choices; choice++)
        {
            if (Request.Echo)
            {
                Send(new GenerationEvent { Choice = choice, IsPrompt = true, Text = "echo ", Logprobs = Request.TopLogprobs is null ? null : [Logprob("echo ", null)] });
            }

            if (Request.PromptLogprobs is { } count)
            {
                TokenLogprob[] top = [.. Enumerable.Range(0, count).Select(i => Logprob("top ", -0.25f - i) with { Token = 20 + i })];
                Send(new GenerationEvent { Choice = choice, PromptLogprobs = [Logprob("first ", null), Logprob("second ", -1.25f) with { Token = 21, Top = top }, Logprob("third", float.NegativeInfinity) with { Token = 30, Top = top }] });
            }

            foreach (var word in words)
            {
                Send(new GenerationEvent { Choice = choice, Text = word, Tokens = [7], Logprobs = Request.TopLogprobs is null ? null : [Logprob(word, -0.5f)] });
            }

            Send(new GenerationEvent { Choice = choice, FinishReason = reason });
        }

        End();
    }

    /// <summary>Gives an embedding and ends.</summary>
    public void Embed(IReadOnlyList<float> elements)
    {
        Send(new GenerationEvent { Choice = 0, Embedding = elements, FinishReason = FinishReason.Length });
        End();
    }

    /// <summary>Completes the stream.</summary>
    public void End()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            _events.Writer.TryComplete();
            _onEnd();
        }
    }

    /// <summary>What the engine does when the request is cancelled.</summary>
    public void Cancel()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            _events.Writer.TryWrite(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Cancelled });
            _events.Writer.TryComplete();
            _onEnd();
            _cancelled.TrySetResult(); // Last: whoever waits for it looks at what is left running.
        }
    }

    private TokenLogprob Logprob(string text, float? value)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        IReadOnlyList<TokenLogprob> top = Request.TopLogprobs is > 0 && value is not null
            ? [new TokenLogprob(7, text, bytes, value, []), new TokenLogprob(8, "other", "other"u8.ToArray(), float.NegativeInfinity, [])]
            : [];
        return new TokenLogprob(7, text, bytes, value, top);
    }
}
