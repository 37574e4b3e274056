using System.Text;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Models;
using Serving.Engine.Tests.Loading.Gguf;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Adapters as GGUF files among those in PEFT's folders: where they lie, whose they are, and what becomes of them when they change.</summary>
public sealed class GgufAdapterStoreTests : IDisposable
{
    private static readonly TinyModel Model = new("LlamaForCausalLM");
    private static readonly ModelProgram Program = ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(Model.Config.ToJsonString())), 32);

    private static int _ages;

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly AdapterStore _store;

    public GgufAdapterStoreTests() => _store = new AdapterStore(new AdapterStoreOptions
    {
        Root = _folder.Path,
        BaseName = "base",
        Architecture = "LlamaForCausalLM",
        Program = Program,
        PreparedBytes = FakeAdapter.BytesOf,
        Prepare = (weights, _) => new FakeAdapter(weights),
        Time = _time,
    });

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OpenAsync_FilesAndFolders_AreFoundByName()
    {
        Write("style.gguf", 1);
        Write("boxed/adapter_model.gguf", 2);
        Write("acme/own.gguf", 3);
        Write("acme/boxed/adapter_model.gguf", 4);
        Assert.NotNull((await OpenAsync("acme", "style")).Adapter);
        Assert.Equal(2, (await OpenAsync("acme", "own")).Rank);
        Assert.NotEqual((await OpenAsync("acme", "boxed")).Adapter, (await OpenAsync("other", "boxed")).Adapter);
        Assert.Equal(["boxed", "own", "style"], (await _store.HandlesAsync("acme")).Select(handle => handle.Name));
        Assert.Equal(["boxed", "style"], (await _store.HandlesAsync("other")).Select(handle => handle.Name));
        Assert.Equal(["boxed", "style", "acme/boxed", "acme/own"], (await _store.AllAsync()).Select(handle => handle.ToString()));
    }

    /// <summary>A tenant's folder with one file in it is no adapter of everybody's.</summary>
    [Fact]
    public async Task OpenAsync_ATenantsFile_IsTheTenantsAlone()
    {
        Write("acme/own.gguf", 1);
        foreach (var name in new[] { "own", "acme", "own.gguf", "acme.gguf", "acme/own", "acme/own.gguf" })
        {
            Assert.True((await OpenAsync("other", name)).IsUnknown, name);
            Assert.Null(await _store.FindAsync("other", name));
        }

        Assert.True((await OpenAsync("acme", "own.gguf")).IsUnknown);
        Assert.False(await _store.AddAsync(new AdapterHandle("other", "mine"), "../acme/own.gguf"));
        Assert.False(await _store.AddAsync(new AdapterHandle("other", "mine"), _folder.PathOf("acme", "own.gguf")));
        Assert.True(await _store.AddAsync(new AdapterHandle("acme", "mine"), "own.gguf"));
        Assert.NotNull((await OpenAsync("acme", "mine")).Adapter);
    }

    [Fact]
    public async Task OpenAsync_LinkThatLeadsOutside_IsUnknown()
    {
        Directory.CreateDirectory(_folder.PathOf("other"));
        Write("acme/own.gguf", 1);
        File.CreateSymbolicLink(_folder.PathOf("other", "stolen.gguf"), _folder.PathOf("acme", "own.gguf"));
        Assert.True((await OpenAsync("other", "stolen")).IsUnknown);
        File.CreateSymbolicLink(_folder.PathOf("acme", "linked.gguf"), "own.gguf");
        Assert.NotNull((await OpenAsync("acme", "linked")).Adapter);
    }

    [Fact]
    public async Task OpenAsync_FileThatChanges_IsAnotherAdapterAndThenGone()
    {
        Write("style.gguf", 1);
        var before = (await OpenAsync("acme", "style")).Adapter!;
        Write("style.gguf", 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        var after = (await OpenAsync("acme", "style")).Adapter!;
        Assert.NotEqual(before.Digest, after.Digest);
        Assert.NotNull((await _store.ReloadAsync(before.Digest)).Lease);
        File.Delete(_folder.PathOf("style.gguf"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await OpenAsync("acme", "style")).IsUnknown);
    }

    [Fact]
    public async Task OpenAsync_ModelsFileCutShort_SaysWhyWithoutAPath()
    {
        Write("bad.gguf", 1);
        var bytes = File.ReadAllBytes(_folder.PathOf("bad.gguf"));
        File.WriteAllBytes(_folder.PathOf("bad.gguf"), bytes[..^300]);
        Age(_folder.PathOf("bad.gguf"));
        var outcome = await OpenAsync("acme", "bad");
        Assert.Equal(AdapterFailure.Corrupt, outcome.Failure);
        Assert.StartsWith("GGUF file: ", outcome.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Path, outcome.Reason, StringComparison.Ordinal);
        File.WriteAllBytes(_folder.PathOf("empty.gguf"), []);
        Age(_folder.PathOf("empty.gguf"));
        Assert.Equal("GGUF file: the file is empty", (await OpenAsync("acme", "empty")).Reason);
    }

    private async Task<AdapterLoadOutcome> OpenAsync(string tenant, string name) => (await _store.OpenAsync(tenant, name, TestContext.Current.CancellationToken)).Outcome;

    private void Write(string path, int seed)
    {
        var random = new Random(seed);
        Dictionary<string, (long[] Shape, float[] Values)> tensors = new()
        {
            ["model.layers.0.self_attn.q_proj.lora_A.weight"] = ([2, 64], [.. Enumerable.Range(0, 128).Select(_ => random.NextSingle())]),
            ["model.layers.0.self_attn.q_proj.lora_B.weight"] = ([64, 2], [.. Enumerable.Range(0, 128).Select(_ => random.NextSingle())]),
        };
        var whole = _folder.PathOf(path.Split('/'));
        Directory.CreateDirectory(Path.GetDirectoryName(whole)!);
        File.WriteAllBytes(whole, GgufAdapterConverter.Convert(Model.Config, tensors, 4, GgmlEncoder.F32).ToArray());
        Age(whole);
    }

    /// <summary>A file that was not just written: one that may be changing still is not read.</summary>
    private static void Age(string file) => File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1).AddSeconds(Interlocked.Increment(ref _ages)));
}
