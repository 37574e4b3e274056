using System.Collections.Concurrent;
using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Folders that hang for some owners until the test lets them go. What is asked on a thread of the pool is remembered: one that hangs there is everybody's.</summary>
internal sealed class HangingFolders(string root) : IAdapterFolders, IDisposable
{
    private readonly AdapterRoot _root = new(root);
    private readonly ConcurrentDictionary<string, ManualResetEventSlim> _gates = new();
    private readonly SemaphoreSlim _entered = new(0);
    private int _onPool;

    /// <summary>Calls that came on threads of the pool.</summary>
    public int OnPool => Volatile.Read(ref _onPool);

    /// <summary>From now on calls for an owner hang; null is the shared one.</summary>
    public void Hang(string? owner) => _gates[owner ?? ""] = new ManualResetEventSlim();

    public void LetGo()
    {
        foreach (var gate in _gates.Values)
        {
            gate.Set();
        }
    }

    /// <summary>Returns when so many more calls hang.</summary>
    public async Task HangAsync(int count = 1)
    {
        for (var i = 0; i < count; i++)
        {
            await _entered.WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    public AdapterLocation? Find(AdapterHandle handle)
    {
        Pass(handle.Owner);
        return _root.Find(handle);
    }

    public AdapterLocation? FindPath(string? owner, string path)
    {
        Pass(owner);
        return _root.FindPath(owner, path);
    }

    public IEnumerable<string> List(string? owner)
    {
        Pass(owner);
        return _root.List(owner);
    }

    public IEnumerable<string> Tenants()
    {
        Pass(null);
        return _root.Tenants();
    }

    public void Dispose()
    {
        LetGo();
        _entered.Dispose();
    }

    private void Pass(string? owner)
    {
        if (Thread.CurrentThread.IsThreadPoolThread)
        {
            Interlocked.Increment(ref _onPool);
        }

        if (_gates.TryGetValue(owner ?? "", out var gate) && !gate.IsSet)
        {
            _entered.Release();
            gate.Wait();
        }
    }
}
