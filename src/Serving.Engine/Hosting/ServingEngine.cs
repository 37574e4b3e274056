using Serving.Compute;
using Serving.Compute.Backends;
using Serving.Engine.Execution;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Hosting;

/// <summary>A running engine: loads a model, starts the engine thread, and gives the door to it. Disposing it ends every open request.</summary>
public sealed class ServingEngine : IAsyncDisposable
{
    private readonly EngineParts _parts;
    private readonly BackendWork _work;

    private ServingEngine(EngineParts parts, BackendWork work)
    {
        _parts = parts;
        _work = work;
        Client = new EngineClient(parts);
    }

    /// <summary>The engine's only door.</summary>
    public IEngineClient Client { get; }

    /// <summary>Completes when the engine thread has ended; faulted with the reason when the engine failed and the process must be replaced.</summary>
    public Task Ended => _parts.Loop.Ended;

    /// <summary>Loads the model and starts the engine. Blocks while it reads; call it off the threads that serve.</summary>
    /// <param name="options">What to serve and how.</param>
    /// <param name="time">Time, for everything but steps' own durations.</param>
    /// <param name="notice">Takes lines worth a person's attention: the backend chosen, the memory plan.</param>
    /// <param name="progress">Told how far loading is.</param>
    /// <param name="fault">Told what nobody foresaw, and what became of it: one request or adapter fails, and the engine goes on.</param>
    /// <exception cref="EngineStartException">It cannot be started like this; the message says why and what would do.</exception>
    public static ServingEngine Start(EngineOptions options, TimeProvider time, Action<string> notice, IProgress<EngineProgress>? progress, Action<string, Exception>? fault = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(notice);
        try
        {
            var device = DeviceOf(options);
            var model = LoadedModel.Open(options, BackendSelector.IsHost(device), BackendSelector.ReadsIntegers(device));
            var (backend, note) = BackendSelector.Create(model.Program, device);
            try
            {
                if (note.Length > 0)
                {
                    notice(note);
                }

                return Start(options, time, notice, progress, fault ?? (static (_, _) => { }), model, backend);
            }
            catch
            {
                backend.Dispose();
                throw;
            }
        }
        catch (Exception exception) when (exception is ModelFormatException or TokenizerFormatException or ChatTemplateException or ComputeException or PlatformNotSupportedException or IOException)
        {
            throw new EngineStartException(exception.Message, exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Task.Run(_parts.Loop.Dispose);
        _parts.Constraints.Dispose();
        await _work.DisposeAsync();
    }

    private static DeviceOptions DeviceOf(EngineOptions options) => DeviceOptions.TryParseDevice(options.Device, out var device, out var ordinals)
        ? new DeviceOptions { Device = device, Ordinals = ordinals, Deterministic = options.Deterministic, CpuIsa = options.CpuInstructionSet, Threads = options.Threads }
        : throw new EngineStartException($"Unknown device '{options.Device}'; a device is auto, cpu, cuda, cuda:N, cuda:N,M, cuda:N-M or managed.");

    private static ServingEngine Start(
        EngineOptions options,
        TimeProvider time,
        Action<string> notice,
        IProgress<EngineProgress>? progress,
        Action<string, Exception> fault,
        LoadedModel model,
        IComputeBackend backend)
    {
        if (EngineBuilder.Refusal(options, model.Program, backend) is { } unfit)
        {
            throw new EngineStartException(unfit);
        }

        var cacheBytes = options.AdaptersRoot is null ? 0 : options.AdapterCacheBytes;
        var plan = MemoryPlan.Create(
            backend, model.Program, MemoryLimit.Read(), options.PoolBytes, cacheBytes, options.ModuleCacheBytes, options.ConstraintCacheBytes, EngineBuilder.StepBytes(options, model, backend),
            EngineBuilder.StateDemand(options, model.Program));
        foreach (var line in plan.ToLines())
        {
            notice(line);
        }

        if ((plan.Refusal ?? EngineBuilder.Refusal(options, backend)) is { } refusal)
        {
            throw new EngineStartException(refusal);
        }

        var revision = LoadWeights(model, backend, progress);
        var work = new BackendWork(backend);
        var builder = new EngineBuilder(options, model, work, plan, revision, time, fault);
        var parts = builder.Build();
        if (options.SchemasRoot is { } folder)
        {
            parts.Schemas.LoadFolder(folder, notice);
        }

        parts.Loop.Start();
        return new ServingEngine(parts, work);
    }

    private static Core.Memory.Digest LoadWeights(LoadedModel model, IComputeBackend backend, IProgress<EngineProgress>? progress)
    {
        using var files = model.Files.OpenWeights();
        WeightLoader.Load(backend, model.Program, files, progress is null ? null : new WeightProgress(progress));
        return CheckpointRevision.With(files.RevisionOf(model.WeightFormat), model.Program.Shape.KeyValues);
    }

    private sealed class WeightProgress(IProgress<EngineProgress> target) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => target.Report(new EngineProgress("weights", value.DoneBytes, value.TotalBytes));
    }
}
