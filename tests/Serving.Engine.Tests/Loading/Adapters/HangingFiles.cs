using System.Collections.Concurrent;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>A file system that hangs: calls for some folders return when the test lets them, as those to NFS do when its server comes back.</summary>
internal sealed class HangingFiles : IAdapterFiles, IDisposable
{
    private readonly AdapterFiles _files = new();
    private readonly ConcurrentDictionary<string, ManualResetEventSlim> _looks = new();
    private readonly ConcurrentDictionary<string, ManualResetEventSlim> _reads = new();
    private readonly SemaphoreSlim _entered = new(0);
    private int _calls;

    /// <summary>Calls that have come to a folder that hangs.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public void HangReads(string folder) => _reads[folder] = new ManualResetEventSlim();

    public void HangLooks(string folder) => _looks[folder] = new ManualResetEventSlim();

    /// <summary>Lets all calls return, and those that come later.</summary>
    public void LetGo()
    {
        foreach (var gate in _looks.Values.Concat(_reads.Values))
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

    public AdapterStamp? Look(AdapterLocation location)
    {
        Pass(_looks, location);
        return _files.Look(location);
    }

    public AdapterBytes? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes)
    {
        Pass(_reads, location);
        return _files.Read(location, stamp, maxWeightBytes);
    }

    public void Dispose()
    {
        LetGo();
        _entered.Dispose();
    }

    private void Pass(ConcurrentDictionary<string, ManualResetEventSlim> gates, AdapterLocation location)
    {
        if (gates.TryGetValue(Path.GetFileName(location.Folder), out var gate) && !gate.IsSet)
        {
            Interlocked.Increment(ref _calls);
            _entered.Release();
            gate.Wait();
        }
    }
}
