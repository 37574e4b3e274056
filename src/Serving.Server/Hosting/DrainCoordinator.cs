using Serving.Server.Configuration;

namespace Serving.Server.Hosting;

/// <summary>
/// Ends the daemon in order: no new requests, the running ones finish within the configured time, then the process stops. Asked a second time, it stops now.
/// </summary>
internal sealed partial class DrainCoordinator(
    EngineAccess access,
    ServingOptions options,
    SystemdNotifier systemd,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<DrainCoordinator> logger) : IDisposable
{
    private readonly CancellationTokenSource _hurry = new();
    private int _requests;

    /// <summary>Takes one request to stop, from a signal.</summary>
    /// <returns>A task that ends when the daemon has been told to stop.</returns>
    public Task RequestAsync() => Interlocked.Increment(ref _requests) switch
    {
        1 => DrainAsync(),
        2 => _hurry.CancelAsync(),
        _ => Task.CompletedTask,
    };

    /// <inheritdoc/>
    public void Dispose() => _hurry.Dispose();

    private async Task DrainAsync()
    {
        access.CloseForDrain();
        try
        {
            systemd.Stopping();
            await LetFinishAsync();
        }
        catch (Exception exception)
        {
            LogBroken(logger, exception); // Nobody waits for this task: a signal to stop would be one that does nothing.
        }

        lifetime.StopApplication();
    }

    private async Task LetFinishAsync()
    {
        if (access.Client is { } engine)
        {
            LogDraining(logger, engine.Snapshot.Running + engine.Snapshot.Waiting, options.Server.DrainTimeout);
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(options.Server.DrainTimeout), time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _hurry.Token);
            try
            {
                await engine.DrainAsync(either.Token);
            }
            catch (OperationCanceledException)
            {
                LogCutShort(logger, engine.Snapshot.Running + engine.Snapshot.Waiting);
            }
        }
    }

    [LoggerMessage(EventId = 211, Level = LogLevel.Information, Message = "Draining: {Requests} requests may finish within {Seconds} seconds.")]
    private static partial void LogDraining(ILogger logger, int requests, int seconds);

    [LoggerMessage(EventId = 212, Level = LogLevel.Warning, Message = "Draining was cut short with {Requests} requests left.")]
    private static partial void LogCutShort(ILogger logger, int requests);

    [LoggerMessage(EventId = 213, Level = LogLevel.Error, Message = "Draining failed; the daemon stops now.")]
    private static partial void LogBroken(ILogger logger, Exception exception);
}
