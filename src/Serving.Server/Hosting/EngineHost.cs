using Serving.Engine;
using Serving.Server.Configuration;

namespace Serving.Server.Hosting;

/// <summary>Loads the model beside the listening server, opens the door when it is ready, ends the process when the engine fails, and stops the engine last.</summary>
internal sealed partial class EngineHost(
    IEngineStarter starter,
    EngineAccess access,
    ServingOptions options,
    StartScreen screen,
    SystemdNotifier systemd,
    IHostApplicationLifetime lifetime,
    ILogger<EngineHost> logger) : BackgroundService, IHostedLifecycleService
{
    private StartedEngine? _engine;

    /// <summary>True when the model could not be loaded or the engine failed: the process ends with an error.</summary>
    public bool Failed { get; private set; }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The engine ends before the web server, so that whoever is cut short is told so, by a status or in the stream, and does not just lose the connection.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => EndAsync();

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await EndAsync(); // It may have been loading.
    }

    private async Task EndAsync()
    {
        if (_engine is { } engine)
        {
            _engine = null;
            await engine.Lifetime.DisposeAsync();
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ListeningAsync(stoppingToken);
            var engine = await starter.StartAsync(EngineOptionsMapper.Map(options), stoppingToken);
            _engine = engine;
            access.Open(engine.Client);
            systemd.Ready(engine.Client.Description);
            await ShowAsync(engine, stoppingToken);
            await engine.Ended.WaitAsync(stoppingToken);
            lifetime.StopApplication();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The daemon stops.
        }
        catch (EngineStartException exception)
        {
            LogRefused(logger, exception.Message);
            Fail();
        }
        catch (Exception exception)
        {
            // Nothing in this process can be trusted to compute any more: whoever started it starts a new one.
            LogCrashed(logger, exception);
            Fail();
        }
    }

    // The screen names adapters, and their disk may take its time.
    private async Task ShowAsync(StartedEngine engine, CancellationToken stoppingToken)
    {
        var shown = screen.ReadyAsync(engine.Client, stoppingToken);
        if (await Task.WhenAny(shown, engine.Ended) == shown)
        {
            await shown;
        }
    }

    // Probes are answered from the first moment, and the address on the start screen is known.
    private async Task ListeningAsync(CancellationToken cancellationToken)
    {
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var started = lifetime.ApplicationStarted.Register(() => listening.TrySetResult());
        await listening.Task.WaitAsync(cancellationToken);
    }

    private void Fail()
    {
        Failed = true;
        lifetime.StopApplication();
    }

    [LoggerMessage(EventId = 201, Level = LogLevel.Critical, Message = "The model cannot be served: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);

    [LoggerMessage(EventId = 202, Level = LogLevel.Critical, Message = "The engine failed.")]
    private static partial void LogCrashed(ILogger logger, Exception exception);
}
