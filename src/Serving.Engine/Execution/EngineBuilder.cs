using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>Puts a running engine together from a loaded model: sizes first, then the pool, then the parts that hang on each other.</summary>
internal sealed class EngineBuilder
{
    /// <summary>Commands about adapters and modules that can be under way: ready or failed for two loads and four copies, retirements, pins.</summary>
    private const int AdapterCommands = 64;

    /// <summary>A CPU's step stays under a second with so many tokens.</summary>
    private const int HostBatchedTokens = 256;

    /// <summary>A GPU is busy with so many.</summary>
    private const int DeviceBatchedTokens = 2048;

    /// <summary>With its last token a sequence has a tile of sixteen rows then.</summary>
    private const int HostDraftTokens = 15;

    /// <summary>Bytes for tables that say which run of a schema attends to which, and for the schemas of these, kept while they are in use.</summary>
    private const long MaxTableBytes = 32 << 20;

    private readonly EngineOptions _options;
    private readonly LoadedModel _model;
    private readonly BackendWork _work;
    private readonly IComputeBackend _backend;
    private readonly MemoryPlan _plan;
    private readonly Digest _revision;
    private readonly TimeProvider _time;
    private readonly Action<string, Exception> _fault;
    private readonly int _maxModelLength;
    private readonly int _adapterSlots;
    private readonly StepLimits _limits;

    /// <summary>Works out the sizes.</summary>
    public EngineBuilder(EngineOptions options, LoadedModel model, BackendWork work, MemoryPlan plan, Digest revision, TimeProvider time, Action<string, Exception> fault)
    {
        _options = options;
        _model = model;
        _work = work;
        _backend = work.Backend;
        _plan = plan;
        _revision = revision;
        _time = time;
        _fault = fault;
        _maxModelLength = (int)Math.Min(model.Program.Rope.PositionCount, (long)TokenPages * ModelShape.PageTokens);
        _limits = LargestStep(options, _backend, _maxModelLength);
        _adapterSlots = options.AdaptersRoot is null ? 0 : Math.Min(options.MaxResidentAdapters, plan.PoolPages);
    }

    /// <summary>What the largest steps take of a device's own memory, before the pool is known: contexts as long as the model's, as many adapters as are wanted.</summary>
    public static long? StepBytes(EngineOptions options, LoadedModel model, IComputeBackend backend) => backend.StepBytes(
        LargestStep(options, backend, model.Program.Rope.PositionCount), options.AdaptersRoot is null ? 1 : options.MaxResidentAdapters);

    /// <summary>Takes the pool and creates the parts; the loop is not started yet.</summary>
    public EngineParts Build()
    {
        _backend.AllocatePool(new PoolShape(_plan.PoolPages, _plan.PageBytes, Math.Max(1, _adapterSlots), _plan.HostPages, _plan.AdapterCacheBytes), _limits);
        var clock = new EngineClock(_time);
        var statistics = new EngineStatistics();
        var description = Describe();

        // The loop, the store, the loader and the directory post to each other; the box is filled once the loop exists.
        EngineLoop? loop = null;
        void Post(EngineCommand command) => loop!.TryPost(command);
        var store = CreateStore(description, Post);
        var directory = new AdapterDirectory(store, description.ModelName, description.CreatedUnixSeconds, digest => Post(new RetireAdapterCommand(digest)));
        var loader = new ResidencyLoader(store, _work, Post, _fault);
        var outputs = new StepOutputs(_limits, description.VocabularySize, hiddenSize: description.HiddenSize);
        var renderer = _model.Renderer(_time);
        var reasoning = ReasoningProbe.Look(renderer, _options.ReasoningParser);
        var tools = reasoning.Beside(ToolProbe.Look(renderer, _options.ToolCallParser));
        var readers = new AnswerReaders(new ReasoningAnswers(_model.Tokenizer, reasoning), new ToolAnswers(_model.Tokenizer, tools));
        var sink = new OutputSink(
            _model.Tokenizer, readers, new LogprobReader(_model.Tokenizer, outputs), new EmbeddingReader(outputs, description.HiddenSize), statistics, _model.Files.EosIds, loader.Start,
            new ModuleCopier(_work, Post, _fault).Start, _fault);
        var snapshots = new SnapshotPublisher(directory, loader, _plan.PageBytes);
        loop = new EngineLoop(new Scheduler(SchedulerOptions(), sink), sink, _backend, outputs, clock, statistics, snapshots, _fault, SubmissionCapacity, CommandCapacity);
        var compiler = new SchemaCompiler(_model.Tokenizer, renderer, _maxModelLength);
        var schemas = new SchemaStore(new SchemaStoreOptions(_options.MaxSchemas, _options.MaxOwnerSchemaSize, _options.MaxSchemaSize), _time);
        var modules = new ModulePromptEncoder(
            schemas, new ModuleTableCache(MaxTableBytes), compiler, new PromptCompiler(_model.Tokenizer, _maxModelLength), renderer, _revision, tools, reasoning);
        var pins = new SchemaPins(modules, directory, loop.TryPost);
        schemas.Removed = pins.Remove;
        var encoder = new PromptEncoder(_model.Tokenizer, renderer, tools, reasoning, modules) { SchemaRefusal = SchemaRefusal, MaxModelLength = _maxModelLength };
        var workers = new MaskWorkers(MaskThreads, _options.MaxQueuedRequests + _options.MaxSequences, clock, statistics, loop.Wake);
        return new EngineParts(
            _options,
            description with { ToolCallParser = tools.Format?.Name, ReasoningParser = reasoning.Format?.Name },
            clock,
            loop,
            new RequestValidator(
                new RequestLimits(_maxModelLength, description.VocabularySize, _options.MaxChoices) { HiddenSize = description.HiddenSize, EmbeddingRefusal = _model.Files.EmbeddingRefusal }, tools, reasoning),
            new AdmissionGate(new AdmissionController(_options.MaxQueuedRequests + _options.MaxSequences), clock),
            directory,
            encoder,
            readers.Reasoning,
            new ConstraintCompiler(
                spoken => new TokenVocabulary(_model.Tokenizer, description.VocabularySize, _model.Files.EosIds, spoken), readers,
                new TokenRulesReader(_model.Tokenizer, description.VocabularySize, _model.Files.EosIds, readers.Reasoning.Marks), workers, clock, statistics, _plan.ConstraintCacheBytes),
            new RequestFactory(_model.Defaults, _model.Files.EosIds, _maxModelLength, TokenPages, () => snapshots.Current.PinnedModulePages, clock),
            new PromptSchemas(schemas, compiler, encoder.InTurnAsync, directory.CheckAsync, pins.AddAsync, _time) { Refusal = SchemaRefusal },
            snapshots,
            statistics);
    }

    /// <summary>Whether the options ask for what the backend does not do: several rows of a sequence are a chunk of a prompt on a GPU, whose bits are not those of single rows.</summary>
    public static string? Refusal(EngineOptions options, IComputeBackend backend) => options.MaxDraftTokens > 0 && RunsByItself(backend)
        ? "Tokens are not guessed ahead on a GPU: set engine.max_draft_tokens to 0, or to null."
        : null;

    /// <summary>Whether the model has a recurrent state, and the options or the backend do not go with it.</summary>
    public static string? Refusal(EngineOptions options, ModelProgram program, IComputeBackend backend) => program.Shape.StateBytes == 0 ? null
        : !backend.RunsRecurrence
            ? $"The model has layers with a recurrent state, which the {backend.Name} backend does not run{(backend.DeviceMemory is null ? "" : " here: set engine.device to cpu, or to one GPU")}."
        : options.MaxDraftTokens > 0 ? "Tokens are not guessed ahead of a model with a recurrent state: set engine.max_draft_tokens to 0, or to null."
        : null;

    /// <summary>What the memory plan has to know of a model's recurrent state.</summary>
    public static StateDemand StateDemand(EngineOptions options, ModelProgram program) => new(program.Shape.StatePages, options.MaxSequences);

    private int StatePages => _model.Program.Shape.StatePages;

    // What a running sequence has for its tokens at most.
    private int TokenPages => _plan.PoolPages - (2 * StatePages);

    // A module sees nothing before it but its context; a recurrence reads all tokens in order.
    private string? SchemaRefusal => StatePages == 0 ? null : "The model has layers with a recurrent state, which prompt schemas do not go with.";

    private static bool RunsByItself(IComputeBackend backend) => backend is IAsynchronousBackend;

    private static StepLimits LargestStep(EngineOptions options, IComputeBackend backend, int maxModelLength)
    {
        var tokens = options.MaxBatchedTokens ?? (RunsByItself(backend) ? DeviceBatchedTokens : HostBatchedTokens);
        return new StepLimits(tokens, options.MaxSequences, tokens, maxModelLength);
    }

    // They compete with the model for the processors, and are hardly ever needed.
    private static int MaskThreads => Math.Clamp(Environment.ProcessorCount / 4, 1, 4);

    // Every admitted request posts one submission and one cancellation at most.
    private int SubmissionCapacity => _options.MaxQueuedRequests + _options.MaxSequences;

    private int CommandCapacity => (2 * SubmissionCapacity) + AdapterCommands;

    private SchedulerOptions SchedulerOptions() => new()
    {
        PageCount = _plan.PoolPages,
        MaxModelLength = _maxModelLength,
        MaxSequences = _options.MaxSequences,
        MaxBatchedTokens = _limits.MaxRows,
        StatePages = StatePages,
        MaxDraftTokens = _options.MaxDraftTokens ?? (RunsByItself(_backend) || StatePages > 0 ? 0 : HostDraftTokens),
        MaxQueuedRequests = _options.MaxQueuedRequests,
        AdapterSlots = _adapterSlots,
        PinnedModuleShare = _options.PinnedModuleShare,
        ModelRevision = _revision,
        PrefixCaching = _options.PrefixCaching,
        HostPageCount = _plan.HostPages,
    };

    // The end of the engine does not wait for what takes long.
    private IPreparedAdapter? Prepare(AdapterWeights weights, Action<EngineCommand> post, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _work.Ending);
        try
        {
            return _work.Run(backend => backend.PrepareAdapter(weights, end.Token));
        }
        catch (ComputeException exception)
        {
            // Nobody may be running a step that would notice.
            post(new DeviceFailedCommand(exception));
            throw;
        }
    }

    private AdapterStore CreateStore(EngineDescription description, Action<EngineCommand> post) => new(new AdapterStoreOptions
    {
        Root = _options.AdaptersRoot,
        BaseName = description.ModelName,
        Program = _model.Program,
        Architecture = _model.Files.Config.Architecture,
        AdaptsExperts = _backend.AdaptsExperts,
        AdaptsMagnitudes = _backend.AdaptsMagnitudes,
        PoolBytes = _plan.PoolPages * _model.Program.Shape.PageBytes,
        PreparedBytes = _backend.PreparedBytesOf,
        Prepare = (weights, cancellationToken) => Prepare(weights, post, cancellationToken),
        HostCacheBytes = _plan.AdapterCacheBytes,
        LoadTimeout = TimeSpan.FromSeconds(_options.AdapterLoadTimeoutSeconds),
        Fault = _fault,
        Time = _time,
    });

    private EngineDescription Describe() => new()
    {
        ModelName = _model.Name,
        ModelSource = _model.Files.Path,
        CreatedUnixSeconds = _time.GetUtcNow().ToUnixTimeSeconds(),
        Device = _backend.Name,
        DeviceName = _backend.DeviceMemory?.Name,
        InstructionSet = _backend.InstructionSet,
        Threads = _backend.ThreadCount,
        MaxModelLength = _maxModelLength,
        VocabularySize = _model.Program.Shape.VocabularySize,
        ParameterCount = _model.ParameterCount,
        Weights = _model.Formats,
        WeightScheme = _model.Files.WeightScheme,
        KeyValues = _model.KeyValues,
        PoolPages = _plan.PoolPages,
        PageBytes = _plan.PageBytes,
        StatePages = StatePages,
        AdapterSlots = _adapterSlots,
        MaxSequences = _options.MaxSequences,
        HiddenSize = _model.Program.Shape.HiddenSize,
        HasChatTemplate = _model.Templates is not null,
    };
}
