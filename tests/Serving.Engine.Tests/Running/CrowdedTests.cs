using Serving.Core.Requests;
using Serving.Engine.Tests.Demo;
using Serving.Testing;
using Serving.Testing.Adapters;

namespace Serving.Engine.Tests.Running;

/// <summary>More adapters than room, clients that go away, files that are broken: nobody else notices.</summary>
public sealed class CrowdedTests(ITestOutputHelper output)
{
    private const long PageBytes = 49152;

    [Fact]
    public async Task Run_MoreAdaptersThanRoom_GivesEveryAnswerAsAlone()
    {
        const int Adapters = 300;
        const int Requests = 600;
        using var folder = new TemporaryFolder();
        for (var i = 0; i < Adapters; i++)
        {
            AdapterGenerator.Write(Path.Combine(folder.Path, Name(i)), AdapterDimensions.Of(Repository.DemoModel), seed: i, rank: 16, AdapterGenerator.All);
        }

        // An adapter of rank 16 takes 19 of these pages: room for ten of them and for a few dozen sequences.
        await using var engine = RunningEngine.Start("auto", change: options => options with
        {
            AdaptersRoot = folder.Path,
            PoolBytes = (190 + 120) * PageBytes,
            MaxModelLength = 256,
        });
        var random = new Random(5);
        var chosen = Enumerable.Range(0, Requests).Select(_ => (int)(Math.Pow(random.NextDouble(), 3) * Adapters)).ToArray();
        var crowd = await Task.WhenAll(chosen.Select(adapter => engine.RunAsync(RunningEngine.Chat(Name(adapter), "Which color is a banana?", 8))));
        await engine.QuiesceAsync();
        var snapshot = engine.Client.Snapshot;
        output.WriteLine($"{snapshot.AdapterLoads} loads, {snapshot.AdapterEvictions} evictions, waste {snapshot.AdapterPageWaste:P1}");
        Assert.True(snapshot.AdapterEvictions > 0, "Nothing was evicted.");

        foreach (var adapter in chosen.Distinct())
        {
            var alone = await engine.RunAsync(RunningEngine.Chat(Name(adapter), "Which color is a banana?", 8));
            for (var i = 0; i < Requests; i++)
            {
                if (chosen[i] == adapter)
                {
                    Assert.Equal(alone, crowd[i]);
                }
            }
        }
    }

    [Fact]
    public async Task Run_ClientsDisconnectAnywhere_LeavesThePoolAtItsBaseline()
    {
        const int Disconnects = 1000;
        const int Streams = 64;
        await using var engine = RunningEngine.Start("auto", change: options => options with { PrefixCaching = false });
        var random = new Random(9);
        var turns = new SemaphoreSlim(Streams);
        var plans = Enumerable.Range(0, Disconnects).Select(i => (Model: ReferenceCase.Models[i % 7], Events: random.Next(0, 12))).ToArray();
        await Task.WhenAll(plans.Select(plan => DisconnectAsync(engine, plan.Model, plan.Events, turns)));
        await engine.QuiesceAsync();
        var snapshot = engine.Client.Snapshot;
        Assert.Equal(snapshot.TotalPages, snapshot.FreePages + snapshot.CachedPages + snapshot.AdapterPages);
        Assert.Equal(0, snapshot.CachedPages);
    }

    [Fact]
    public async Task Run_CorruptAdapter_HarmsNobodyElse()
    {
        using var folder = new TemporaryFolder();
        AdapterGenerator.Write(Path.Combine(folder.Path, "good"), AdapterDimensions.Of(Repository.DemoModel), seed: 1);
        AdapterGenerator.Write(Path.Combine(folder.Path, "bad"), AdapterDimensions.Of(Repository.DemoModel), seed: 2);
        var weights = Path.Combine(folder.Path, "bad", "adapter_model.safetensors");
        await File.WriteAllBytesAsync(weights, (await File.ReadAllBytesAsync(weights, TestContext.Current.CancellationToken))[..^100], TestContext.Current.CancellationToken);
        await using var engine = RunningEngine.Start(change: options => options with { AdaptersRoot = folder.Path });
        var good = engine.RunAsync(RunningEngine.Chat("good", "Hello", 16));
        var (_, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("bad", "Hello"), TestContext.Current.CancellationToken);
        Assert.Equal(RequestError.AdapterInvalid, failure!.Error);
        Assert.DoesNotContain(folder.Path, failure.Message, StringComparison.Ordinal);
        Assert.Contains(Assert.Single(await good).Reason, new FinishReason?[] { FinishReason.Stop, FinishReason.Length });
    }

    private static string Name(int adapter) => $"adapter-{adapter:D3}";

    private static async Task DisconnectAsync(RunningEngine engine, string model, int events, SemaphoreSlim turns)
    {
        await turns.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            var request = RunningEngine.Chat(model, "Tell me a story.", 64) with { IgnoreEos = true, Choices = 1 + (events % 3) };
            var (stream, failure) = await engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
            Assert.True(stream is not null, failure?.Message);
            await using (stream)
            {
                await foreach (var generated in stream.ReadAllAsync(TestContext.Current.CancellationToken))
                {
                    if (--events < 0)
                    {
                        break;
                    }
                }
            }
        }
        finally
        {
            turns.Release();
        }
    }
}
