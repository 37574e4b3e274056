using System.Runtime.InteropServices;
using Serving.Server.Metering;

namespace Serving.Server.Hosting;

/// <summary>Lets SIGTERM and Ctrl-C drain the daemon instead of stopping it at once, and SIGHUP open the usage ledger anew, where there is one.</summary>
internal sealed class SignalLifetime(DrainCoordinator drain, UsageLedger usage) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT })
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
        }

        if (usage.IsOn)
        {
            _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp));
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        _ = drain.RequestAsync();
    }

    private void OnHangUp(PosixSignalContext context)
    {
        context.Cancel = true;
        usage.Reopen();
    }
}
