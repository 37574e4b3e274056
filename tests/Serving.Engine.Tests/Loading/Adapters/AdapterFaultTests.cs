using System.Text;
using System.Threading.Channels;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Engine.Execution;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Whatever is thrown wherever on an adapter's way into the pool, those who wait for it hear how it ended, and nobody else hears anything.</summary>
public sealed class AdapterFaultTests : IDisposable
{
    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);

    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);

    private static int _ages;

    private readonly TemporaryFolder _folder = new();
    private readonly HandTime _time = new() { Skipped = TimeSpan.FromMilliseconds(500) }; // Files that cannot be read are tried again, for a moment.
    private readonly FaultyFiles _files = new();
    private readonly PackingBackend _backend = new();
    private readonly List<Exception> _faults = [];
    private readonly Channel<EngineCommand> _posted = Channel.CreateUnbounded<EngineCommand>();
    private Func<Exception>? _onPrepare;

    public enum Point
    {
        Look,
        Read,
        Prepare,
        Pack,
    }

    public static TheoryData<Point, Type> Faults => new(
        from point in Enum.GetValues<Point>()
        from type in new[] { typeof(InvalidOperationException), typeof(OutOfMemoryException), typeof(NullReferenceException), typeof(IOException), typeof(UnauthorizedAccessException), typeof(ComputeException), typeof(OperationCanceledException) }
        select (point, type));

    private string Root => _folder.PathOf("adapters");

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    /// <summary>Nothing is kept in host memory here: every load reads the adapter again.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Start_AnyFaultAnywhere_IsOneTypedEndAndTheNextLoadIsWell(Point point, Type type)
    {
        Write("style");
        var store = MakeStore(cacheBytes: 0);
        await using var work = new BackendWork(_backend);
        var loader = new ResidencyLoader(store, work, command => _posted.Writer.TryWrite(command), (_, exception) => _faults.Add(exception));
        var digest = (await OpenAsync(store, "style")).Adapter!.Digest;
        Plant(point, type);
        var failed = await EndAsync(loader, digest);
        if (type == typeof(ComputeException) && point == Point.Pack)
        {
            Assert.IsType<DeviceFailedCommand>(failed);
        }
        else
        {
            Assert.Equal(new AdapterFailedCommand(digest, IsForeseen(point, type) ? RequestError.AdapterUnavailable : RequestError.Internal), failed);
        }

        Assert.Equal(IsForeseen(point, type) ? [] : [type], _faults.Select(static fault => fault.GetType()));
        Plant(point, null);
        _time.Advance(TimeSpan.FromMinutes(1));
        var known = (await OpenAsync(store, "style")).Adapter;
        Assert.Equal(digest, known?.Digest);
        Assert.Equal(new AdapterReadyCommand(digest), await EndAsync(loader, digest));
        Assert.False(_posted.Reader.TryRead(out _));
    }

    [Theory]
    [InlineData(Point.Look)]
    [InlineData(Point.Read)]
    [InlineData(Point.Prepare)]
    public async Task OpenAsync_WhatNobodyForesaw_IsThisAdaptersFailureUntilItIsOver(Point point)
    {
        Write("style");
        Write("other");
        var store = MakeStore(1 << 30);
        Plant(point, typeof(InvalidOperationException));
        var outcome = await OpenAsync(store, "style");
        Assert.Equal((AdapterFailure.Internal, (AdapterRef?)null), (outcome.Failure, outcome.Adapter));
        Assert.DoesNotContain("planted", outcome.Reason, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(Assert.Single(_faults));
        Plant(point, null);
        Assert.NotNull((await OpenAsync(store, "other")).Adapter);
        _time.Advance(outcome.RetryAfter);
        Assert.NotNull((await OpenAsync(store, "style")).Adapter);
    }

    /// <summary>A look that fails says nothing of what was read before: it is served on.</summary>
    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(InvalidOperationException))]
    public async Task OpenAsync_LookAtAKnownAdapterFails_TheKnownOneIsServed(Type type)
    {
        Write("style");
        var store = MakeStore(1 << 30);
        var known = (await OpenAsync(store, "style")).Adapter;
        Plant(Point.Look, type);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(known, (await OpenAsync(store, "style")).Adapter);
        Assert.NotNull(known);
    }

    /// <summary>Two tenants have the same adapter under names of their own, and the first one's is destroyed: the other's requests do not notice.</summary>
    [Fact]
    public async Task ReloadAsync_OneOfSeveralNamesIsBroken_TheContentComesFromAnother()
    {
        Write("a/style");
        Write("b/style");
        Write("c/style");
        var store = MakeStore(cacheBytes: 0);
        var digests = new HashSet<Digest>();
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            digests.Add((await store.OpenAsync(tenant, "style", TestContext.Current.CancellationToken)).Outcome.Adapter!.Digest);
        }

        var digest = Assert.Single(digests);
        foreach (var broken in new[] { "a", "c" })
        {
            var file = Path.Combine(Root, broken, "style", "adapter_model.safetensors");
            await File.WriteAllBytesAsync(file, new byte[64], TestContext.Current.CancellationToken);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddMinutes(Interlocked.Increment(ref _ages)));
        }

        var reload = await store.ReloadAsync(digest);
        Assert.NotNull(reload.Lease);
        reload.Lease.Dispose();
    }

    /// <summary>The end of the engine does not wait for a disk.</summary>
    [Fact]
    public async Task DisposeAsync_AReadHangs_DoesNotWaitForIt()
    {
        Write("style");
        using var files = new HangingFiles();
        var store = MakeStore(cacheBytes: 0, files);
        var work = new BackendWork(_backend);
        var loader = new ResidencyLoader(store, work, command => _posted.Writer.TryWrite(command), (_, exception) => _faults.Add(exception));
        var digest = (await OpenAsync(store, "style")).Adapter!.Digest;
        files.HangReads("style");
        loader.Start(new AdapterLoad(digest, 0, [new PageId(1)]));
        await files.HangAsync();
        await work.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        files.LetGo();
        Assert.True(SpinWait.SpinUntil(() => store.Disk.Calls == 0, TimeSpan.FromMinutes(1)));
        Assert.Equal(0, _backend.Packed);
    }

    // What is thrown at the end of a wait is its end, and the disk's failures are the disk's.
    private static bool IsForeseen(Point point, Type type) =>
        type == typeof(IOException) || type == typeof(UnauthorizedAccessException)
        || (type == typeof(OperationCanceledException) && point != Point.Pack) || (type == typeof(ComputeException) && point != Point.Look);

    private static async Task<AdapterLoadOutcome> OpenAsync(AdapterStore store, string name) => (await store.OpenAsync("", name, TestContext.Current.CancellationToken)).Outcome;

    private async Task<EngineCommand> EndAsync(ResidencyLoader loader, Digest digest)
    {
        loader.Start(new AdapterLoad(digest, 0, [new PageId(1)]));
        return await _posted.Reader.ReadAsync(TestContext.Current.CancellationToken);
    }

    private void Plant(Point point, Type? type)
    {
        Func<Exception>? failure = type is null ? null : () => (Exception)Activator.CreateInstance(type, "planted")!;
        switch (point)
        {
            case Point.Look:
                _files.OnLook = failure;
                break;
            case Point.Read:
                _files.OnRead = failure;
                break;
            case Point.Prepare:
                _onPrepare = failure;
                break;
            default:
                _backend.OnPack = failure;
                break;
        }
    }

    private AdapterStore MakeStore(long cacheBytes, IAdapterFiles? files = null) => new(new AdapterStoreOptions
    {
        Root = Root,
        BaseName = "base",
        Architecture = "LlamaForCausalLM",
        Program = Program,
        PreparedBytes = FakeAdapter.BytesOf,
        Prepare = (weights, _) => _onPrepare is { } failure ? throw failure() : new FakeAdapter(weights),
        HostCacheBytes = cacheBytes,
        Fault = (_, exception) => _faults.Add(exception),
        Files = files ?? _files,
        Time = _time,
    });

    private void Write(string name)
    {
        var folder = Path.Combine(Root, name);
        AdapterGenerator.Write(folder, Tiny, 1, 4, targets: ["q_proj"]);
        foreach (var file in Directory.GetFiles(folder))
        {
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddMinutes(Interlocked.Increment(ref _ages)));
        }
    }
}
