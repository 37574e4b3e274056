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

/// <summary>Folders that hang: whatever asks them does so on a few threads of its own, of which one tenant never has all, and is told when the answer does not come.</summary>
public sealed class AdapterDiskTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);

    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);

    private readonly TemporaryFolder _folder = new();
    private readonly HandTime _time = new();
    private readonly HangingFolders _folders;
    private readonly AdapterStore _store;
    private readonly AdapterDirectory _directory;
    private readonly TaskCompletionSource _preparing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _preparesForEver;

    public AdapterDiskTests()
    {
        _folders = new HangingFolders(Root);
        _store = new AdapterStore(new AdapterStoreOptions
        {
            Root = Root,
            BaseName = "base",
            Architecture = "LlamaForCausalLM",
            Program = Program,
            PreparedBytes = FakeAdapter.BytesOf,
            Prepare = (weights, cancellationToken) =>
            {
                if (_preparesForEver)
                {
                    _preparing.TrySetResult();
                    cancellationToken.WaitHandle.WaitOne();
                    cancellationToken.ThrowIfCancellationRequested();
                }

                return new FakeAdapter(weights);
            },
            LoadTimeout = Timeout,
            Folders = _ => _folders,
            Time = _time,
        });
        _directory = new AdapterDirectory(_store, "base", 0, _ => { });
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Root => _folder.PathOf("adapters");

    public void Dispose()
    {
        _folders.Dispose();
        _folder.Dispose();
    }

    /// <summary>All that a request can ask: none of it waits on a thread that serves others.</summary>
    [Fact]
    public async Task EveryQuestion_IsAskedOnThreadsOfItsOwn()
    {
        Write("acme/style");
        var acme = TenantOf("acme");
        await Task.Run(
            async () =>
            {
                Assert.Null(await _directory.CheckAsync(acme, "style", Token));
                Assert.Single((await _directory.ListAsync(acme, Token)).Models);
                Assert.Null(await _directory.LoadAsync(acme, isAdmin: false, "style", null, loadInPlace: false, Token));
                Assert.NotNull((await _directory.OpenAsync(acme, "style", Token)).Adapter);
                Assert.Equal(1, await _directory.CountAsync());
                Assert.Null(await _directory.UnloadAsync(acme, isAdmin: true, "style", Token));
                Assert.Equal(RequestError.ModelNotFound, (await _directory.UnloadAsync(acme, isAdmin: true, "style", Token))!.Error);
            },
            Token);
        Assert.Equal(0, _folders.OnPool);
    }

    /// <summary>One tenant's folder hangs, and it has asked for more than all threads: another tenant's requests, lists and loads go on, and so does what the first one can do without its folder.</summary>
    [Fact]
    public async Task OneTenantsFolderHangs_OthersGoOn()
    {
        Write("slow/style");
        Write("quick/style");
        Write("shared");
        _folders.Hang("slow");
        var (slow, quick) = (TenantOf("slow"), TenantOf("quick"));
        var asking = Enumerable.Range(0, 2 * DiskThreads.Most).Select(i => _directory.CheckAsync(slow, $"a{i}", Token).AsTask()).ToList();
        await _folders.HangAsync(DiskThreads.MostPerTenant);

        Assert.NotNull((await _directory.OpenAsync(quick, "style", Token)).Adapter);
        Assert.NotNull((await _directory.OpenAsync(quick, "shared", Token)).Adapter);
        Assert.Equal(["shared", "style"], (await _directory.ListAsync(quick, Token)).Models.Select(model => model.Name));
        Assert.Null(await _directory.UnloadAsync(quick, isAdmin: false, "style", Token));
        Assert.Null((await _directory.OpenAsync(slow, "base", Token)).Failure);
        Assert.All(asking, task => Assert.False(task.IsCompleted));
        Assert.Equal((DiskThreads.MostPerTenant, (2 * DiskThreads.Most) - DiskThreads.MostPerTenant, 0), (_store.Disk.Calls, _store.Disk.Waiting, _store.Disk.Hung));

        _time.Advance(Timeout);
        Assert.All(await Task.WhenAll(asking), failure => Assert.Equal((RequestError.AdapterUnavailable, Second), (failure!.Error, failure.RetryAfter)));
        Assert.Equal((DiskThreads.MostPerTenant, DiskThreads.MostPerTenant), (_store.Disk.Calls, _store.Disk.Hung));
        _folders.LetGo();
        Assert.Null(await _directory.CheckAsync(slow, "style", Token));
    }

    [Fact]
    public async Task TooManyOfOneTenantWait_AreRefusedAtOnceAndOthersAreNot()
    {
        Write("quick/style");
        _folders.Hang("slow");
        using var gone = new CancellationTokenSource();
        var waiting = Enumerable.Range(0, DiskThreads.MostPerTenant + DiskThreads.MostWaiting).Select(i => _store.ResolveAsync("slow", $"a{i}", gone.Token).AsTask()).ToList();
        var (_, full) = await _store.ResolveAsync("slow", "more", Token);
        Assert.Equal((AdapterFailure.Busy, Second), (full!.Failure, full.RetryAfter));
        Assert.Equal(RequestError.AdapterUnavailable, (await _directory.OpenAsync(TenantOf("slow"), "more", Token)).Failure!.Error);
        Assert.Equal(2, _store.Disk.Refused);
        Assert.NotNull((await _directory.OpenAsync(TenantOf("quick"), "style", Token)).Adapter);

        // Those who leave make room, and what was refused is not remembered against the name.
        await gone.CancelAsync();
        foreach (var task in waiting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        }

        _folders.LetGo();
        Assert.Equal(RequestError.ModelNotFound, (await _directory.OpenAsync(TenantOf("slow"), "more", Token)).Failure!.Error);
    }

    /// <summary>Whoever has seen a list is told it again; whoever has not is told so at the deadline, and at once as long as the same call hangs.</summary>
    [Fact]
    public async Task ListAsync_TheFolderHangs_IsWhatWasSeenOrAFailure()
    {
        Write("acme/style");
        Assert.Single((await _directory.ListAsync(TenantOf("acme"), Token)).Models);
        _folders.Hang(null);
        _time.Advance(Second);
        var known = _directory.ListAsync(TenantOf("acme"), Token).AsTask();
        var first = _directory.ListAsync(TenantOf("other"), Token).AsTask();
        await _folders.HangAsync(2);
        _time.Advance(Patience);
        var (models, failure) = await known;
        Assert.Equal(("style", null, 1), (Assert.Single(models).Name, failure, _store.Disk.Stale));
        _time.Advance(Timeout);
        (models, failure) = await first;
        Assert.Equal((RequestError.AdapterUnavailable, Second), (failure!.Error, failure.RetryAfter));
        Assert.Empty(models);
        Assert.NotNull((await _directory.ListAsync(TenantOf("other"), Token)).Failure);
        Assert.Equal(2, _store.Disk.Hung);
    }

    /// <summary>An adapter that is known is named, used and unloaded while its folder hangs.</summary>
    [Fact]
    public async Task AKnownAdapter_TheFolderHangs_IsServedAndUnloaded()
    {
        Write("acme/style");
        var acme = TenantOf("acme");
        var adapter = (await _directory.OpenAsync(acme, "style", Token)).Adapter;
        _folders.Hang("acme");
        _time.Advance(Second);
        var asking = _directory.CheckAsync(acme, "style", Token).AsTask();
        await _folders.HangAsync();
        var opening = _directory.OpenAsync(acme, "style", Token).AsTask();
        var unloading = _directory.UnloadAsync(acme, isAdmin: false, "style", Token).AsTask();
        _time.Advance(Patience);
        Assert.Null(await asking);
        Assert.Equal(adapter, (await opening).Adapter);
        Assert.Null(await unloading);
        Assert.Equal(3, _store.Disk.Stale);
    }

    /// <summary>A client that gives its request less time than a load may take.</summary>
    [Fact]
    public async Task OpenAsync_TheRequestsOwnTimeIsUp_IsUnavailable()
    {
        _folders.Hang("acme");
        var opening = _directory.OpenAsync(TenantOf("acme"), "style", Second, Token).AsTask();
        await _folders.HangAsync();
        Assert.Null((await _directory.OpenAsync(TenantOf("acme"), "base", Second, Token)).Failure);
        _time.Advance(Second);
        var failure = (await opening).Failure;
        Assert.Equal((RequestError.AdapterUnavailable, Second), (failure!.Error, failure.RetryAfter));
    }

    /// <summary>A load that its caller was told had failed changes nothing when the disk answers at last.</summary>
    [Fact]
    public async Task LoadAsync_GivenUp_ChangesNothingLater()
    {
        Write("acme/v1");
        var acme = TenantOf("acme");
        Assert.NotNull((await _directory.OpenAsync(acme, "v1", Token)).Adapter);
        _folders.Hang("acme");
        using var gone = new CancellationTokenSource();
        var registering = _store.RegisterAsync("acme", new AdapterHandle("acme", "style"), "v1", gone.Token).AsTask();
        await _folders.HangAsync();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registering);
        _folders.LetGo();
        Assert.Equal(RequestError.ModelNotFound, (await _directory.OpenAsync(acme, "style", Token)).Failure!.Error);
    }

    /// <summary>Preparing may take a minute: it ends when the last one who waits for it has gone, and not before; whoever comes then begins anew.</summary>
    [Fact]
    public async Task OpenAsync_AllWhoWaitHaveGone_PreparingEnds()
    {
        Write("style");
        _preparesForEver = true;
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var style = new AdapterHandle(null, "style");
        var one = _store.OpenAsync(style, first.Token).AsTask();
        await _preparing.Task.WaitAsync(Token);
        var two = _store.OpenAsync(style, second.Token).AsTask();
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.False(two.IsCompleted);
        Assert.True(_store.HostCacheBytes > 0);
        _preparesForEver = false;
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => two);
        Assert.NotNull((await _store.OpenAsync(style, Token)).Adapter);
    }

    /// <summary>Time is up: preparing ends too.</summary>
    [Fact]
    public async Task OpenAsync_PreparingTakesTooLong_IsTimedOutAndItsMemoryIsFree()
    {
        Write("style");
        _preparesForEver = true;
        var opening = _store.OpenAsync("acme", "style", Token).AsTask();
        await _preparing.Task.WaitAsync(Token);
        _time.Advance(Timeout);
        Assert.Equal(AdapterFailure.TimedOut, (await opening).Outcome.Failure);
        Assert.Equal(0, _store.HostCacheBytes);
    }

    private static Tenant TenantOf(string name) => new(new TenantId(name), 1, Digest.None, new TenantLimits(int.MaxValue, long.MaxValue));

    private void Write(string name)
    {
        var folder = Path.Combine(Root, name);
        AdapterGenerator.Write(folder, Tiny, 1, 4, targets: ["q_proj"]);
        foreach (var file in Directory.GetFiles(folder))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddMinutes(1));
        }
    }
}
