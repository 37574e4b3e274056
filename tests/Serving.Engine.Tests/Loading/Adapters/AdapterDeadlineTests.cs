using System.Text;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>A file system that hangs holds nobody up for longer than a load may take, and nobody at all who does not need it.</summary>
public sealed class AdapterDeadlineTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);

    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);

    private static int _ages;

    private readonly TemporaryFolder _folder = new();
    private readonly HandTime _time = new();
    private readonly HangingFiles _files = new();
    private readonly AdapterStore _store;

    public AdapterDeadlineTests() => _store = MakeStore(1 << 30);

    private string Root => _folder.PathOf("adapters");

    public void Dispose()
    {
        _files.LetGo();
        Await(() => _store.Disk.Calls == 0);
        _files.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task OpenAsync_ReadThatHangs_IsTimedOutAndItsPlaceIsFree()
    {
        Write("hangs");
        Write("good");
        _files.HangReads("hangs");
        var hanging = OpenAsync("hangs");
        await _files.HangAsync();
        var waiting = OpenAsync("good");
        Assert.False(waiting.IsCompleted);
        _time.Advance(Timeout);
        var outcome = await hanging;
        Assert.Equal((AdapterFailure.TimedOut, Second), (outcome.Failure, outcome.RetryAfter));
        Assert.Contains("60 s", outcome.Reason, StringComparison.Ordinal);

        // There is one place to read in, and the hanging call has left it: the same name can be tried again, another is read.
        await waiting;
        _time.Advance(Second);
        Assert.NotNull((await OpenAsync("good")).Adapter);
    }

    [Fact]
    public async Task OpenAsync_AgainWhileItHangs_FailsAtOnceAndTakesNoSecondThread()
    {
        Write("hangs");
        _files.HangReads("hangs");
        var first = OpenAsync("hangs");
        await _files.HangAsync();
        _time.Advance(Timeout);
        var backoff = (await first).RetryAfter;
        for (var i = 0; i < 20; i++)
        {
            _time.Advance(backoff);
            var outcome = await OpenAsync("hangs");
            Assert.Equal(AdapterFailure.TimedOut, outcome.Failure);
            backoff = outcome.RetryAfter;
        }

        Assert.Equal(TimeSpan.FromSeconds(60), backoff);
        Assert.Equal((1, 1), (_files.Calls, _store.Disk.Calls));
        _files.LetGo();
        Await(() => _store.Disk.Calls == 0);
        _time.Advance(backoff);
        Assert.NotNull((await OpenAsync("hangs")).Adapter);
    }

    /// <summary>What was read before is served on while the disk hangs, and looked at again when it answers.</summary>
    [Fact]
    public async Task OpenAsync_LookAtAKnownAdapterHangs_TheKnownOneIsServed()
    {
        Write("style", seed: 1);
        var known = await OpenAsync("style");
        Assert.NotNull(known.Adapter);
        _files.HangLooks("style");
        _time.Advance(Second);
        var asking = OpenAsync("style");
        await _files.HangAsync();
        _time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.Equal(known, await asking);
        _time.Advance(Timeout);
        Write("style", seed: 2);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(Second);
            Assert.Equal(known.Adapter, (await OpenAsync("style")).Adapter);
        }

        Assert.Equal(1, _files.Calls);
        _files.LetGo();
        Await(() => _store.Disk.Calls == 0);
        _time.Advance(Second);
        Assert.NotEqual(known.Adapter, (await OpenAsync("style")).Adapter);
    }

    /// <summary>More adapters hang than there are threads for one tenant: each is answered at its deadline, threads stay as few, and all come back.</summary>
    [Fact]
    public async Task OpenAsync_EverythingHangs_IsBoundedAndHeals()
    {
        var names = Enumerable.Range(0, 3 * DiskThreads.Most).Select(i => $"a{i}").ToArray();
        foreach (var name in names)
        {
            Write(name);
            _files.HangLooks(name);
        }

        var opening = names.Select(OpenAsync).ToArray();
        await _files.HangAsync(DiskThreads.MostPerTenant);
        _time.Advance(Timeout);
        Assert.All(await Task.WhenAll(opening), outcome => Assert.Equal(AdapterFailure.TimedOut, outcome.Failure));
        Assert.Equal((DiskThreads.MostPerTenant, DiskThreads.MostPerTenant), (_files.Calls, _store.Disk.Calls));
        _files.LetGo();
        Await(() => _store.Disk.Calls == 0);
        _time.Advance(Second);
        Assert.All(await Task.WhenAll(names.Select(OpenAsync)), outcome => Assert.NotNull(outcome.Adapter));
    }

    [Fact]
    public async Task ReloadAsync_Hangs_FailsAsTimedOutAndGoesOnLater()
    {
        Write("a", seed: 1);
        Write("b", seed: 2);
        var size = (await OpenAsync("a")).Adapter!.SizeBytes;
        var store = MakeStore(size);
        var a = (await store.OpenAsync("acme", "a")).Outcome.Adapter!;
        Assert.NotNull((await store.OpenAsync("acme", "b")).Outcome.Adapter);
        _files.HangReads("a");
        var reloading = store.ReloadAsync(a.Digest).AsTask();
        await _files.HangAsync();
        _time.Advance(Timeout);
        var late = await reloading;
        Assert.Equal((AdapterFailure.TimedOut, (object?)null), (late.Failure, late.Lease));
        _files.LetGo();
        Await(() => store.Disk.Calls == 0);
        _time.Advance(Second);
        var again = (await store.OpenAsync("acme", "a")).Outcome.Adapter!;
        using var lease = (await store.ReloadAsync(again.Digest)).Lease;
        Assert.NotNull(lease);
    }

    /// <summary>Adapters that fell out of memory are read again while others wait for their turn into the pool: a disk that hangs is noticed by a look, and once by all of an owner's adapters.</summary>
    [Fact]
    public async Task ReloadAsync_LooksHang_FailsSoonAndTheOwnersNextAtOnce()
    {
        Write("acme/a", seed: 1);
        Write("acme/b", seed: 2);
        Write("other/c", seed: 3);
        var store = MakeStore(1);
        var digests = new List<Digest>();
        foreach (var (tenant, name) in new[] { ("acme", "a"), ("acme", "b"), ("other", "c") })
        {
            digests.Add((await store.OpenAsync(tenant, name, TestContext.Current.CancellationToken)).Outcome.Adapter!.Digest);
        }

        _files.HangLooks("a");
        _files.HangLooks("b");
        var reloading = store.ReloadAsync(digests[0]).AsTask();
        await _files.HangAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(AdapterFailure.TimedOut, (await reloading).Failure);
        Assert.Equal(AdapterFailure.TimedOut, (await store.ReloadAsync(digests[1])).Failure);
        Assert.Equal(1, _files.Calls);
        using var lease = (await store.ReloadAsync(digests[2])).Lease;
        Assert.NotNull(lease);
        _files.LetGo();
        Await(() => store.Disk.Calls == 0);
        using var again = (await store.ReloadAsync(digests[1])).Lease;
        Assert.Null(again); // It was found unreadable, and is looked at again by who asks for it.
    }

    /// <summary>What the client is told, and when to come back.</summary>
    [Fact]
    public async Task Directory_LoadThatHangs_IsUnavailable()
    {
        Write("hangs");
        _files.HangReads("hangs");
        var directory = new AdapterDirectory(_store, "base", 0, _ => { });
        var tenant = new Tenant(new TenantId("acme"), 1, Digest.None, new TenantLimits(int.MaxValue, long.MaxValue));
        var opening = directory.OpenAsync(tenant, "hangs", TestContext.Current.CancellationToken).AsTask();
        await _files.HangAsync();
        _time.Advance(Timeout);
        var failure = (await opening).Failure;
        Assert.Equal((RequestError.AdapterUnavailable, Second), (failure!.Error, failure.RetryAfter));
        Assert.Equal("The adapter `hangs` cannot be read now: its files were not read within 60 s.", failure.Message);
    }

    private static void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(60)));

    private async Task<AdapterLoadOutcome> OpenAsync(string name) => (await _store.OpenAsync("", name, TestContext.Current.CancellationToken)).Outcome;

    private AdapterStore MakeStore(long cacheBytes) => new(new AdapterStoreOptions
    {
        Root = Root,
        BaseName = "base",
        Architecture = "LlamaForCausalLM",
        Program = Program,
        PreparedBytes = FakeAdapter.BytesOf,
        Prepare = (weights, _) => new FakeAdapter(weights),
        HostCacheBytes = cacheBytes,
        ConcurrentLoads = 1,
        LoadTimeout = Timeout,
        Files = _files,
        Time = _time,
    });

    private void Write(string name, int seed = 1)
    {
        var folder = Path.Combine(Root, name);
        AdapterGenerator.Write(folder, Tiny, seed, 4, targets: ["q_proj"]);
        foreach (var file in Directory.GetFiles(folder))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddMinutes(Interlocked.Increment(ref _ages)));
        }
    }
}
