using System.Text;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>An adapter's weights are replaced over and over while it is opened: every opening that succeeds is one of the contents, whole.</summary>
public sealed class AdapterReplaceTests : IDisposable
{
    private const int Contents = 8;
    private const int Replacements = 40;

    private static readonly AdapterHandle Handle = new(null, "style");
    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);
    private static readonly ModelProgram Program = ModelRegistry.Build(
        "tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 4);

    private readonly TemporaryFolder _folder = new();
    private readonly byte[][] _contents = [.. Enumerable.Range(0, Contents).Select(seed => AdapterGenerator.Weights(Tiny, seed, 64, AdapterGenerator.All))];

    private string WeightsPath => _folder.PathOf("style", "adapter_model.safetensors");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OpenAsync_WhileReplaced_GivesOneContentWhole(bool inPlace)
    {
        AdapterGenerator.Write(_folder.PathOf("style"), Tiny, 0, 64, AdapterGenerator.All);
        var config = File.ReadAllBytes(_folder.PathOf("style", "adapter_config.json"));
        var known = _contents.Select(weights => PeftAdapterReader.DigestOf(config, weights)).ToHashSet();
        var time = new ManualTime();
        var store = MakeStore(time);
        var seen = new HashSet<Digest>();
        for (var i = 0; i < Replacements; i++)
        {
            var replace = Task.Run(() => Replace(_contents[i % Contents], inPlace));
            do
            {
                Record(await store.OpenAsync(Handle), known, seen);
                time.Advance(TimeSpan.FromSeconds(61));
            }
            while (!replace.IsCompleted);
            await replace;

            // Once the writer is done the store must come to its content, however the moments before went.
            Record(await OpenSettledAsync(store, time), known, seen);
            Assert.Contains(PeftAdapterReader.DigestOf(config, _contents[i % Contents]), seen);
        }

        Assert.Equal(Contents, seen.Count);
    }

    private static void Record(AdapterLoadOutcome outcome, HashSet<Digest> known, HashSet<Digest> seen)
    {
        if (outcome.Adapter is { } adapter)
        {
            Assert.Contains(adapter.Digest, known);
            seen.Add(adapter.Digest);
            return;
        }

        // In the middle of a write there may be nothing whole to open; what there is, is refused.
        Assert.True(outcome.Failure is AdapterFailure.Replaced or AdapterFailure.Io or AdapterFailure.Corrupt, outcome.Reason);
    }

    /// <summary>Opens until a look has begun after the last write: at most two looks.</summary>
    private static async Task<AdapterLoadOutcome> OpenSettledAsync(AdapterStore store, ManualTime time)
    {
        await store.OpenAsync(Handle);
        time.Advance(TimeSpan.FromSeconds(61));
        return await store.OpenAsync(Handle);
    }

    private AdapterStore MakeStore(TimeProvider time) => new(new AdapterStoreOptions
    {
        Root = _folder.Path,
        BaseName = "base",
        Architecture = "LlamaForCausalLM",
        Program = Program,
        PreparedBytes = FakeAdapter.BytesOf,
        Prepare = (weights, _) => new FakeAdapter(weights),
        Time = time,
    });

    private void Replace(byte[] weights, bool inPlace)
    {
        if (!inPlace)
        {
            File.WriteAllBytes(WeightsPath + ".new", weights);
            File.Move(WeightsPath + ".new", WeightsPath, overwrite: true);
            return;
        }

        using var file = new FileStream(WeightsPath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        for (var at = 0; at < weights.Length; at += 16 << 10)
        {
            file.Write(weights.AsSpan(at, Math.Min(16 << 10, weights.Length - at)));
        }
    }
}
