using Serving.Compute.Backends;

namespace Serving.Engine.Execution;

/// <summary>
/// A backend and what threads of the pool do on it beside the steps: adapters that are prepared and loaded, copies of modules. Whoever disposes of it waits for them first, since the memory
/// that they write to goes with the backend. How many there are at once is the scheduler's business.
/// </summary>
/// <param name="backend">Disposed of with this.</param>
public sealed class BackendWork(IComputeBackend backend) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Task> _underWay = [];
    private readonly CancellationTokenSource _end = new();
    private bool _ending;

    /// <summary>The backend.</summary>
    public IComputeBackend Backend { get; } = backend;

    /// <summary>Cancelled when the end has begun: for what work waits for that is not the backend.</summary>
    public CancellationToken Ending => _end.Token;

    /// <summary>Starts work on the thread pool; none is started once the end has begun.</summary>
    public void Start(Func<Task> work)
    {
        lock (_gate)
        {
            if (!_ending)
            {
                _underWay.RemoveAll(static task => task.IsCompleted);
                _underWay.Add(Task.Run(work));
            }
        }
    }

    /// <summary>Does work on the caller's thread.</summary>
    /// <exception cref="ComputeException">The end has begun.</exception>
    public T Run<T>(Func<IComputeBackend, T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var done = new TaskCompletionSource();
        lock (_gate)
        {
            if (_ending)
            {
                throw new ComputeException("The engine has ended.");
            }

            _underWay.RemoveAll(static task => task.IsCompleted);
            _underWay.Add(done.Task);
        }

        try
        {
            return work(Backend);
        }
        finally
        {
            done.SetResult();
        }
    }

    /// <summary>Waits for what is under way, whatever becomes of it, and disposes of the backend.</summary>
    public async ValueTask DisposeAsync()
    {
        Task all;
        lock (_gate)
        {
            _ending = true;
            all = Task.WhenAll(_underWay);
        }

        await _end.CancelAsync().ConfigureAwait(false);
        await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Backend.Dispose();
    }
}
