using Serving.Compute.Backends;
using Serving.Core.Modules;

namespace Serving.Engine.Execution;

/// <summary>Copies modules' pages to host memory and back on the thread pool while steps go on.</summary>
public sealed class ModuleCopier
{
    private readonly BackendWork _work;
    private readonly Action<EngineCommand> _post;

    /// <summary>Creates a copier.</summary>
    /// <param name="work">Copies, and waits for copies under way before it ends.</param>
    /// <param name="post">Tells the engine thread.</param>
    public ModuleCopier(BackendWork work, Action<EngineCommand> post)
    {
        _work = work;
        _post = post;
    }

    /// <summary>Starts a copy; the scheduler allows two each way at a time.</summary>
    public void Start(ModuleTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(transfer);
        _work.Start(() =>
        {
            Copy(transfer);
            return Task.CompletedTask;
        });
    }

    private void Copy(ModuleTransfer transfer)
    {
        int[] pages = [.. transfer.Pages.Select(static page => page.Value)];
        int[] hostPages = [.. transfer.HostPages];
        try
        {
            if (transfer.ToHost)
            {
                _work.Backend.CopyToHost(pages, hostPages);
            }
            else
            {
                _work.Backend.CopyFromHost(hostPages, pages);
            }

            _post(new ModuleTransferredCommand(transfer.Number));
        }
        catch (ComputeException exception)
        {
            // Nobody may be running a step that would notice.
            _post(new DeviceFailedCommand(exception));
        }
    }
}
