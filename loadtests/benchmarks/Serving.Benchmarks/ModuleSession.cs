using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>The scheduler and a backend as the engine's loop drives them, without text: time from a submission to its first token.</summary>
internal sealed class ModuleSession : ISchedulerSink
{
    private const int PoolPages = 300;
    private const int HostPages = 200;
    private const int Context = 8192;
    private const int Rows = 256;

    private readonly IComputeBackend _backend;
    private readonly Scheduler _scheduler;
    private readonly StepInputs _inputs = new();
    private readonly StepOutputs _outputs;
    private readonly BlockingCollection<long> _copied = [];
    private readonly int[] _anyTokens = new int[Rows];
    private int _copying;
    private long _firstToken;
    private long _lastId = long.MaxValue / 2;

    /// <summary>Fills a backend with random weights and takes its pool.</summary>
    public ModuleSession(IComputeBackend backend, int vocabulary)
    {
        _backend = backend;
        var program = Program(vocabulary);
        Load(backend, program);
        var limits = new StepLimits(Rows, Rows, Rows, Context);
        backend.AllocatePool(new PoolShape(PoolPages, program.Shape.PageBytes, 1, HostPages), limits);
        _outputs = new StepOutputs(limits, vocabulary);
        _scheduler = new Scheduler(new SchedulerOptions { PageCount = PoolPages, MaxModelLength = Context, MaxBatchedTokens = Rows, HostPageCount = HostPages, AdapterSlots = 0 }, this);
    }

    /// <summary>What the modules did.</summary>
    public string Summary
    {
        get
        {
            var snapshot = _scheduler.Snapshot();
            return $"{snapshot.ModuleEncodes} encodes, {snapshot.ModuleLoads} loads from host memory, {snapshot.ModuleEvictions} evictions, {snapshot.ModuleHits} hits";
        }
    }

    /// <summary>The program of the shape: hidden 576, 30 layers, 9 heads and 3 key/value heads of 64, MLP 1,536.</summary>
    public static ModelProgram Program(int vocabulary)
    {
        var config = $$"""
            {"architectures": ["LlamaForCausalLM"], "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
             "num_key_value_heads": 3, "head_dim": 64, "vocab_size": {{vocabulary}}, "max_position_embeddings": {{Context}}, "rms_norm_eps": 1e-5,
             "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true, "eos_token_id": 2}
            """;
        return ModelRegistry.Build("random", ModelConfig.Parse(Encoding.UTF8.GetBytes(config)), Context);
    }

    /// <summary>Runs a request to its first token.</summary>
    /// <param name="request">The request.</param>
    /// <param name="computes">False passes over the computing: what a request only displaces costs nothing.</param>
    /// <returns>Seconds from the submission.</returns>
    public double TimeToFirstToken(Request request, bool computes)
    {
        _firstToken = 0;
        var start = Stopwatch.GetTimestamp();
        if (_scheduler.Submit(request, 0) is { } refused)
        {
            throw new InvalidOperationException($"The request is refused: {refused}.");
        }

        while (!_scheduler.IsIdle)
        {
            Turn(computes);
        }

        var elapsed = Stopwatch.GetElapsedTime(start, _firstToken).TotalSeconds;
        while (_copying > 0)
        {
            Take(_copied.Take());
            Turn(computes);
        }

        return elapsed;
    }

    /// <summary>Gives every page to a request that nobody computes, so that everything idle is evicted.</summary>
    public void Evict() => TimeToFirstToken(
        new Request
        {
            Id = new RequestId(++_lastId),
            Tenant = new Tenant(new TenantId("filler"), 1, Digest.None, new TenantLimits(1, int.MaxValue)),
            Prompt = [.. Enumerable.Repeat((int)(_lastId % 1000), (PoolPages * PagePool.SlotsPerPage) - 1)],
            Sampling = new SamplingParameters { MaxTokens = 1 },
        },
        computes: false);

    bool ISchedulerSink.IsReady(Sequence sequence) => true;

    TokenVerdict ISchedulerSink.OnToken(Sequence sequence, int token, int output)
    {
        _firstToken = Stopwatch.GetTimestamp();
        return TokenVerdict.Continue;
    }

    void ISchedulerSink.OnPromptScored(Sequence sequence, int ordinal, int output)
    {
    }

    void ISchedulerSink.OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
    }

    void ISchedulerSink.OnAdapterLoad(AdapterLoad load) => throw new NotSupportedException();

    void ISchedulerSink.OnModuleTransfer(ModuleTransfer transfer)
    {
        _copying++;
        new ModuleCopier(
            new BackendWork(_backend),
            command => _copied.Add(command is ModuleTransferredCommand { Failed: false } done ? done.Number : throw new InvalidOperationException("A copy failed.")),
            (what, exception) => throw new InvalidOperationException(what, exception)).Start(transfer);
    }

    private static void Load(IComputeBackend backend, ModelProgram program)
    {
        var random = new Random(1);
        foreach (var weight in program.Weights)
        {
            var values = new ushort[weight.Rows * weight.Columns];
            for (var i = 0; i < values.Length; i++)
            {
                // Norms near one, matrices small enough that no activation runs away.
                var value = weight.Kind == WeightKind.Vector ? 1 : (random.NextSingle() - 0.5f) * 0.08f;
                values[i] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
            }

            backend.LoadWeight(weight.Index, 0, values);
        }
    }

    private void Turn(bool computes)
    {
        while (_copied.TryTake(out var number))
        {
            Take(number);
        }

        if (_scheduler.Schedule(0) is not { } plan)
        {
            if (_copying > 0)
            {
                Take(_copied.Take());
            }

            return;
        }

        if (computes)
        {
            StepInputsBuilder.Fill(plan, _inputs);
            _backend.Execute(_inputs, _outputs);
        }

        _scheduler.Complete(plan, (computes ? _outputs.TokenIds : _anyTokens).AsSpan(0, plan.Outputs.Length), 0);
    }

    private void Take(long number)
    {
        _copying--;
        _scheduler.ModuleTransferred(number);
    }
}
