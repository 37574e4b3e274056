using Serving.Server.Configuration;

namespace Serving.Server.Tenancy;

/// <summary>Looks at the file of tenants now and then and takes it over when it has changed and is good.</summary>
internal sealed partial class TenantFileWatcher(TenantStore store, ServingOptions options, TimeProvider time, ILogger<TenantFileWatcher> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Tenancy.Tenants is not { } path)
        {
            return;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Tenancy.ReloadInterval), time);
        var seen = Stamp(path);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var stamp = Stamp(path);
                if (stamp != seen)
                {
                    seen = stamp;
                    Report(store.Reload());
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The daemon stops.
        }
    }

    private void Report(IReadOnlyList<string> errors)
    {
        if (errors.Count == 0)
        {
            LogReloaded(logger, store.Current.TenantCount);
        }
        else
        {
            LogRefused(logger, string.Join("; ", errors));
        }
    }

    private static (DateTime, long) Stamp(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    [LoggerMessage(EventId = 101, Level = LogLevel.Information, Message = "The file of tenants changed: {Tenants} tenants are in force.")]
    private static partial void LogReloaded(ILogger logger, int tenants);

    [LoggerMessage(EventId = 102, Level = LogLevel.Error, Message = "The file of tenants changed and is not good; the tenants before stay in force. {Errors}")]
    private static partial void LogRefused(ILogger logger, string errors);
}
