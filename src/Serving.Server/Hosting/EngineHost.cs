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
    ILogger<EngineHost> logger) : BackgroundService
{
    private StartedEngine? _engine;

    /// <summary>True when the model could not be loaded or the engine failed: the process ends with an error.</summary>
    public bool Failed { get; private set; }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
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
            _engine = await starter.StartAsync(EngineOptionsMapper.Map(options), stoppingToken);
            access.Open(_engine.Client);
            systemd.Ready(_engine.Client.Description);
            screen.Ready(_engine.Client);
            await _engine.Ended.WaitAsync(stoppingToken);
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
