using Serving.Engine;

namespace Serving.Server.Hosting;

/// <summary>
/// Tells systemd that the daemon is ready, that it stops, and, as long as the engine's loop comes round, that it lives. A daemon whose engine hangs falls silent, and
/// systemd replaces it: what <c>/health/live</c> is to Kubernetes.
/// </summary>
internal sealed class SystemdNotifier(SystemdSocket socket, EngineAccess access, IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    /// <summary>systemd may be behind for a moment; what is said once only must not get lost for that.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private CancellationTokenRegistration _onStopping;
    private int _stopping;

    /// <summary>The model is loaded and requests are taken.</summary>
    public void Ready(EngineDescription about) => socket.Send($"READY=1\nSTATUS=Serving {about.ModelName} on {about.Device}", Patience);

    /// <summary>No new requests are taken. Said once.</summary>
    public void Stopping()
    {
        if (Interlocked.Exchange(ref _stopping, 1) == 0)
        {
            socket.Send("STOPPING=1\nSTATUS=Letting requests finish", Patience);
        }
    }

    /// <summary>Says that the daemon lives, if it does: while the model loads, and while the engine's loop comes round.</summary>
    public void Beat()
    {
        if (access.Client is null or { IsAlive: true })
        {
            socket.Send("WATCHDOG=1");
        }
    }

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _onStopping = lifetime.ApplicationStopping.Register(Stopping);
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _onStopping.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (socket.WatchdogInterval is not { } interval)
        {
            return;
        }

        // Half of the interval, as sd_watchdog_enabled(3) asks.
        using var timer = new PeriodicTimer(interval / 2, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Beat();
            }
        }
        catch (OperationCanceledException)
        {
            // The daemon stops.
        }
    }
}
