using Serving.LoadTests.Client;
using Serving.LoadTests.Running;

namespace Serving.LoadTests.Tests.Running;

/// <summary>Looks at a daemon's memory by a clock that the test sets.</summary>
public sealed class MemoryWatchTests
{
    private readonly ManualTime _time = new();
    private int _looks;

    [Fact]
    public async Task Run_UntilItIsOver_LooksAfterTheWarmUpOnceAnInterval()
    {
        using var over = new CancellationTokenSource();
        var watch = new MemoryWatch(_ => Look($"process_resident_memory_bytes {1000 + (100 * _looks)}\ndotnet_gc_last_collection_memory_committed_size_bytes {400 + (100 * _looks)}"), 5, _time);
        var running = watch.RunAsync(over.Token);
        await _time.TimersAsync();
        _time.Advance(4.9);
        Assert.Equal(0, _looks);
        for (var i = 1; i <= 10; i++)
        {
            _time.Advance(i == 1 ? 0.1 : watch.Meter.Interval);
            await Eventually.HoldsAsync(() => _looks == i);
            await _time.TimersAsync();
        }

        await over.CancelAsync();
        await running;
        Assert.Equal(10, _looks);
        Assert.Contains(("memory_growth", 1900 / 1100.0), watch.Meter.Metrics());
        Assert.Equal([("unmanaged_first", 600.0), ("unmanaged_last", 600.0), ("unmanaged_max", 600.0), ("unmanaged_growth", 1.0)], watch.Unmanaged.Metrics("unmanaged"));
    }

    [Fact]
    public async Task Run_ADaemonThatShowsNoMemory_IsAskedOnce()
    {
        var watch = new MemoryWatch(_ => Look("vllm:num_requests_running 0"), 0, _time);
        await watch.RunAsync(CancellationToken.None);
        Assert.Equal(1, _looks);
        Assert.Empty(watch.Meter.Metrics());
        Assert.Empty(watch.Unmanaged.Metrics("unmanaged"));
    }

    private Task<ServerMetrics?> Look(string page)
    {
        _looks++;
        return Task.FromResult<ServerMetrics?>(new ServerMetrics(PrometheusText.Parse(page)));
    }
}
