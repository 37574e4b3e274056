using System.Text;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

public sealed class AdapterStoreTests : IDisposable
{
    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);
    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);

    private static int _ages;

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly AdapterStore _store;
    private int _prepared;

    public AdapterStoreTests() => _store = MakeStore(1 << 30);

    private string Root => _folder.PathOf("adapters");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OpenAsync_OwnAndShared_OwnComesFirst()
    {
        Write("style", seed: 1);
        Write("acme/style", seed: 2);
        var shared = await OpenAsync("other", "style");
        var own = await OpenAsync("acme", "style");
        Assert.Equal(new AdapterHandle("acme", "style"), (await _store.OpenAsync("acme", "style")).Handle);
        Assert.NotNull(shared.Adapter);
        Assert.NotEqual(shared.Adapter, own.Adapter);
        Assert.Equal(new AdapterHandle("acme", "style"), await _store.FindAsync("acme", "style"));
        Assert.Equal(new AdapterHandle(null, "style"), await _store.FindAsync("other", "style"));
    }

    [Fact]
    public async Task OpenAsync_AnotherTenantsAdapter_IsUnknownLikeOneThatDoesNotExist()
    {
        Write("acme/secret", seed: 1);
        Assert.Same(await OpenAsync("other", "nothing"), await OpenAsync("other", "secret"));
        Assert.True((await OpenAsync("other", "acme")).IsUnknown);
        Assert.Null(await _store.FindAsync("other", "secret"));
        Assert.NotNull((await OpenAsync("acme", "secret")).Adapter);
    }

    [Fact]
    public async Task OpenAsync_BasesName_IsNeverAnAdapter()
    {
        Write("base", seed: 1);
        Assert.True((await OpenAsync("acme", "base")).IsUnknown);
        Assert.Empty((await _store.HandlesAsync("acme")));
        Assert.False(await _store.AddAsync(new AdapterHandle(null, "base")));
    }

    [Fact]
    public async Task OpenAsync_ManyAtOnce_ReadsOnce()
    {
        Write("style", seed: 1);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => OpenAsync("acme", "style")));
        Assert.All(outcomes, outcome => Assert.Equal(outcomes[0].Adapter, outcome.Adapter));
        Assert.Equal(1, _prepared);
    }

    [Fact]
    public async Task OpenAsync_WithinASecond_DoesNotLookAtTheDisk()
    {
        Write("style", seed: 1);
        var before = await OpenAsync("acme", "style");
        Write("style", seed: 2);
        Assert.Equal(before.Adapter, (await OpenAsync("acme", "style")).Adapter);
        _time.Advance(TimeSpan.FromSeconds(1));
        var after = await OpenAsync("acme", "style");
        Assert.NotEqual(before.Adapter, after.Adapter);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(after.Adapter, (await OpenAsync("acme", "style")).Adapter);
        Assert.Equal(2, _prepared);
    }

    [Fact]
    public async Task OpenAsync_Deleted_IsUnknownASecondLater()
    {
        Write("style", seed: 1);
        Assert.NotNull((await OpenAsync("acme", "style")).Adapter);
        Directory.Delete(Path.Combine(Root, "style"), recursive: true);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await OpenAsync("acme", "style")).IsUnknown);
    }

    [Fact]
    public async Task OpenAsync_Corrupt_IsNotReadAgainBeforeItsBackoffAndHealsWhenReplaced()
    {
        Write("bad", seed: 1);
        Write("good", seed: 2);
        var path = Path.Combine(Root, "bad", "adapter_model.safetensors");
        WriteBytes(path, File.ReadAllBytes(path)[..^7]);
        var backoffs = new List<double>();
        for (var i = 0; i < 9; i++)
        {
            var outcome = await OpenAsync("acme", "bad");
            Assert.Equal(AdapterFailure.Corrupt, outcome.Failure);
            Assert.DoesNotContain(_folder.Path, outcome.Reason, StringComparison.Ordinal);
            backoffs.Add(outcome.RetryAfter.TotalSeconds);
            _time.Advance(outcome.RetryAfter);
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60, 60], backoffs);
        Assert.NotNull((await OpenAsync("acme", "good")).Adapter);
        Write("bad", seed: 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await OpenAsync("acme", "bad")).Adapter);
    }

    [Fact]
    public async Task OpenAsync_WithoutWeights_SaysSo()
    {
        Write("half", seed: 1);
        File.Delete(Path.Combine(Root, "half", "adapter_model.safetensors"));
        Assert.Contains("adapter_model.safetensors is missing", (await OpenAsync("acme", "half")).Reason, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(Root, "half", "adapter_model.bin"), "x");
        Assert.True(await _store.AddAsync(new AdapterHandle(null, "half")));
        Assert.Contains("only adapter_model.bin", (await OpenAsync("acme", "half")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_TooLarge_IsRefusedUnread()
    {
        Write("huge", seed: 1);
        var path = Path.Combine(Root, "huge", "adapter_model.safetensors");
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(1L << 40);
        }

        Age(path);
        Assert.Equal(AdapterFailure.TooLarge, (await OpenAsync("acme", "huge")).Failure);
    }

    [Fact]
    public async Task Unregister_ThenRegister_HidesAndShows()
    {
        Write("style", seed: 1);
        var handle = new AdapterHandle(null, "style");
        Assert.NotNull((await OpenAsync("acme", "style")).Adapter);
        Assert.True(await _store.HideAsync(handle));
        Assert.False(await _store.HideAsync(handle));
        Assert.True((await OpenAsync("acme", "style")).IsUnknown);
        Assert.Empty((await _store.HandlesAsync("acme")));
        Assert.True(await _store.AddAsync(handle));
        Assert.NotNull((await OpenAsync("acme", "style")).Adapter);
        Assert.Equal([handle], (await _store.HandlesAsync("acme")));
    }

    [Fact]
    public async Task Register_WithPath_ServesThatFolderUnderTheName()
    {
        Write("acme/v1", seed: 1);
        Write("acme/nested/v2", seed: 2);
        var handle = new AdapterHandle("acme", "style");
        Assert.True(await _store.AddAsync(handle, "v1"));
        var first = await OpenAsync("acme", "style");
        Assert.Equal((await OpenAsync("acme", "v1")).Adapter!.Digest, first.Adapter!.Digest);
        Assert.True(await _store.AddAsync(handle, Path.Combine(Root, "acme", "nested", "v2")));
        Assert.NotEqual(first.Adapter!.Digest, (await OpenAsync("acme", "style")).Adapter!.Digest);
        Assert.Equal(["style", "v1"], (await _store.HandlesAsync("acme")).Select(listed => listed.Name));
        Assert.False(await _store.AddAsync(new AdapterHandle("other", "style"), Path.Combine(Root, "acme", "v1")));
        Assert.False(await _store.AddAsync(new AdapterHandle("other", "style"), "../acme/v1"));
    }

    [Fact]
    public async Task List_OwnSharedAndOthers_OwnHidesShared()
    {
        Write("zeta", seed: 1);
        Write("acme/alpha", seed: 2);
        Write("acme/zeta", seed: 3);
        Write("other/beta", seed: 4);
        Assert.Equal(["acme/alpha", "acme/zeta"], (await _store.HandlesAsync("acme")).Select(handle => handle.ToString()));
        Assert.Equal(["zeta"], (await _store.HandlesAsync("third")).Select(handle => handle.ToString()));
        Assert.Equal(["zeta", "acme/alpha", "acme/zeta", "other/beta"], (await _store.AllAsync()).Select(handle => handle.ToString()));
    }

    [Fact]
    public async Task ReloadAsync_FallenOutOfTheCache_IsReadAgainAndMustBeTheSame()
    {
        Write("a", seed: 1);
        Write("b", seed: 2);
        var size = (await OpenAsync("acme", "a")).Adapter!.SizeBytes;
        var store = MakeStore(size);
        var a = (await store.OpenAsync("acme", "a")).Outcome.Adapter!;
        var b = (await store.OpenAsync("acme", "b")).Outcome.Adapter!;
        Assert.Equal((1, size), (store.HostCacheCount, store.HostCacheBytes));
        var before = _prepared;
        using (var kept = (await store.ReloadAsync(b.Digest)).Lease)
        {
            Assert.NotNull(kept);
            Assert.Equal(before, _prepared);
        }

        using (var again = (await store.ReloadAsync(a.Digest)).Lease)
        {
            Assert.NotNull(again);
            Assert.Equal(before + 1, _prepared);
        }

        Write("b", seed: 3);
        var replaced = await store.ReloadAsync(b.Digest);
        Assert.Null(replaced.Lease);
        Assert.Equal(AdapterFailure.Replaced, replaced.Failure);
        Assert.Equal(AdapterFailure.Replaced, (await store.ReloadAsync(Digest.Of("never seen"u8))).Failure);
    }

    [Fact]
    public async Task OpenAsync_StoreThatHangs_GoesOnWithWhatIsKnown()
    {
        Write("style", seed: 1);
        using var gate = new ManualResetEventSlim(initialState: true);
        var store = MakeStore(1 << 30, _ => gate.Wait());
        var known = await store.OpenAsync("acme", "style");
        gate.Reset();
        Write("style", seed: 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(known, await store.OpenAsync("acme", "style"));
        gate.Set();
        var handle = new AdapterHandle(null, "style");
        Assert.True(await store.AddAsync(handle));
        Assert.NotEqual(known.Outcome.Adapter!.Digest, (await store.OpenAsync(handle)).Adapter!.Digest);
    }

    [Fact]
    public async Task OpenAsync_TwoHundredCorruptFiles_HarmNobody()
    {
        Write("good", seed: 1);
        var good = File.ReadAllBytes(Path.Combine(Root, "good", "adapter_model.safetensors"));
        var mutator = new Mutator(200);
        for (var i = 0; i < 200; i++)
        {
            Write($"bad{i}", seed: 1);
            WriteBytes(Path.Combine(Root, $"bad{i}", "adapter_model.safetensors"), mutator.Mutate(good, 400));
        }

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => OpenAsync("acme", $"bad{i}")));
        Assert.NotNull((await OpenAsync("acme", "good")).Adapter);
        Assert.InRange(outcomes.Count(outcome => outcome.Adapter is null), 150, 200);
        Assert.All(outcomes.Where(outcome => outcome.Adapter is null), outcome =>
        {
            Assert.True(outcome.Failure is AdapterFailure.Corrupt or AdapterFailure.Unsupported, outcome.Reason);
            Assert.DoesNotContain(_folder.Path, outcome.Reason, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task List_WithinASecond_IsRememberedAndForgottenWithEveryChange()
    {
        Write("a", seed: 1);
        Assert.Single((await _store.HandlesAsync("acme")));
        Write("b", seed: 2);
        Assert.Single((await _store.HandlesAsync("acme")));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, (await _store.HandlesAsync("acme")).Count);
        Assert.True(await _store.HideAsync(new AdapterHandle(null, "a")));
        Assert.Single((await _store.HandlesAsync("acme")));
    }

    private async Task<AdapterLoadOutcome> OpenAsync(string tenant, string name) => (await _store.OpenAsync(tenant, name)).Outcome;

    /// <summary>One content under two names, opened at once: it is prepared once.</summary>
    [Fact]
    public async Task OpenAsync_OneContentUnderTwoNames_IsPreparedOnce()
    {
        Write("first", seed: 1);
        Write("second", seed: 1);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => OpenAsync("acme", i % 2 == 0 ? "first" : "second")));
        Assert.All(outcomes, outcome => Assert.Equal(outcomes[0].Adapter, outcome.Adapter));
        Assert.Equal((1, 1), (_prepared, _store.HostCacheCount));
    }

    /// <summary>A device without memory for an adapter refuses that one, with the setting to change and no harm to others; elsewhere it is served without being kept.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OpenAsync_LargerThanTheCache_IsRefusedWhereMemoryIsSetAside(bool setAside)
    {
        Write("large", seed: 1, rank: 64);
        Write("small", seed: 2);
        var size = (await OpenAsync("acme", "small")).Adapter!.SizeBytes;
        var store = MakeStore(size, hasRoom: weights => !setAside || FakeAdapter.BytesOf(weights) <= size);
        var large = (await store.OpenAsync("acme", "large")).Outcome;
        Assert.Equal(setAside, large.Adapter is null);
        if (setAside)
        {
            Assert.Equal(AdapterFailure.TooLarge, large.Failure);
            Assert.Contains("engine.adapter_cache_size", large.Reason, StringComparison.Ordinal);
        }
        else
        {
            using var lease = (await store.ReloadAsync(large.Adapter!.Digest)).Lease;
            Assert.NotNull(lease);
        }

        Assert.Equal(0, store.HostCacheCount);
        Assert.NotNull((await store.OpenAsync("acme", "small")).Outcome.Adapter);
        Assert.Equal(1, store.HostCacheCount);
    }

    /// <summary>A device that fails while an adapter is prepared: that request can be tried again, and the next one prepares it.</summary>
    [Fact]
    public async Task OpenAsync_PreparingFails_IsThatRequestsFailure()
    {
        Write("style", seed: 1);
        var fails = true;
        var store = MakeStore(1 << 30, _ =>
        {
            if (fails)
            {
                throw new ComputeException("planted");
            }
        });
        var failed = (await store.OpenAsync("acme", "style")).Outcome;
        Assert.Equal((AdapterFailure.Io, (object?)null, 0L), (failed.Failure, failed.Adapter, store.HostCacheBytes));
        Assert.DoesNotContain("planted", failed.Reason, StringComparison.Ordinal);
        fails = false;
        _time.Advance(failed.RetryAfter);
        var outcome = (await store.OpenAsync("acme", "style")).Outcome;
        Assert.NotNull(outcome.Adapter);
        Assert.Equal(4, outcome.Rank);
    }

    private AdapterStore MakeStore(long cacheBytes, Action<AdapterWeights>? preparing = null, Func<AdapterWeights, bool>? hasRoom = null) => new(new AdapterStoreOptions
    {
        Root = Root,
        BaseName = "base",
        Architecture = "LlamaForCausalLM",
        Program = Program,
        PreparedBytes = FakeAdapter.BytesOf,
        Prepare = (weights, _) =>
        {
            preparing?.Invoke(weights);
            Interlocked.Increment(ref _prepared);
            return hasRoom?.Invoke(weights) == false ? null : new FakeAdapter(weights);
        },
        HostCacheBytes = cacheBytes,
        Time = _time,
    });

    private void Write(string name, int seed, int rank = 4)
    {
        var folder = Path.Combine(Root, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        AdapterGenerator.Write(folder, Tiny, seed, rank, targets: ["q_proj"]);
        foreach (var file in Directory.GetFiles(folder))
        {
            Age(file);
        }
    }

    private static void WriteBytes(string path, byte[] bytes)
    {
        File.WriteAllBytes(path, bytes);
        Age(path);
    }

    /// <summary>Sets a file's change back by minutes, another time for every file: settled by a clock that stands still, and never twice the same.</summary>
    private static void Age(string path) => File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddMinutes(Interlocked.Increment(ref _ages)));
}
