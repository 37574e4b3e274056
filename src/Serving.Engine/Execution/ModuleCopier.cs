using Serving.Compute.Backends;
using Serving.Core.Modules;

namespace Serving.Engine.Execution;

/// <summary>Copies modules' pages to host memory and back on the thread pool while steps go on.</summary>
public sealed class ModuleCopier
{
    private readonly BackendWork _work;
    private readonly Action<EngineCommand> _post;
    private readonly Action<string, Exception> _fault;

    /// <summary>Creates a copier.</summary>
    /// <param name="work">Copies, and waits for copies under way before it ends.</param>
    /// <param name="post">Tells the engine thread.</param>
    /// <param name="fault">Told what nobody foresaw.</param>
    public ModuleCopier(BackendWork work, Action<EngineCommand> post, Action<string, Exception> fault)
    {
        _work = work;
        _post = post;
        _fault = fault;
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

    // Whatever the end is, the engine thread hears of it: the module's pages are held until then, and requests wait for it.
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

            _post(new ModuleTransferredCommand(transfer.Number, Failed: false));
        }
        catch (ComputeException exception)
        {
            // Nobody may be running a step that would notice.
            _post(new DeviceFailedCommand(exception));
        }
        catch (Exception exception)
        {
            _fault("A prompt module could not be copied; it is computed again where it is needed.", exception);
            _post(new ModuleTransferredCommand(transfer.Number, Failed: true));
        }
    }
}
