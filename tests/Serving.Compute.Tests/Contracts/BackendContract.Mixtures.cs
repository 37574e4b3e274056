using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <content>Adapters of experts, and of what chooses them.</content>
public abstract partial class BackendContract
{
    private static readonly TestShape AdaptedMixture = TestShape.Mixture with { AdaptsExperts = true };

    /// <summary>
    /// In one step: adapters of every expert with ranks from 1 to 128, of some experts and some projections only, of what chooses experts alone, of attention alone, and none. Each
    /// sequence gives what the reference gives for it. As in every comparison of mixtures, of random models the first is taken in which no choice is close.
    /// </summary>
    [Fact]
    public void Execute_AdaptersOfExperts_MatchReference()
    {
        if (RefusesAdaptersOfExperts())
        {
            return;
        }

        for (var seed = 1; ; seed++)
        {
            var test = TestProgram.Create(Adjust(AdaptedMixture), seed);
            AdapterWeights?[] adapters =
            [
                test.CreateAdapter(1, (slice, expert) => new[] { 1, 8, 128, 9, 33 }[(expert + slice.Index) % 5]),
                test.CreateAdapter(2, (slice, expert) => slice.Experts > 1 && (slice.Index + expert) % 2 == 0 ? 16 : 0),
                null,
                test.CreateAdapter(3, slice => slice.Projection == Projection.Router ? 4 : 0),
                test.CreateAdapter(4, slice => slice.Projection is Projection.Query or Projection.Value ? 12 : 0),
                test.CreateAdapter(5, slice => slice.Projection == Projection.Down ? 24 : 0),
            ];
            var references = adapters.Select(adapter => new ReferenceModel(test, adapter, Factory.Rounds)).ToList();
            int[][] tokens = [.. adapters.Select((_, i) => Tokens(test, 3 + i, (seed * 16) + i))];
            double[][][] expected = [.. references.Select((reference, i) => reference.Run(tokens[i], [.. Enumerable.Range(0, tokens[i].Length)]))];
            if (references.Min(reference => reference.ClosestChoice) < 0.04)
            {
                continue;
            }

            using var session = new BackendSession(Factory, test, pages: 4096);
            int[] slots = [.. adapters.Select(adapter => adapter is null ? -1 : session.AddAdapter(adapter))];
            session.Inputs.Clear();
            for (var i = 0; i < slots.Length; i++)
            {
                new TestSequence(session, slots[i]).AddChunk(tokens[i], last: Greedy);
            }

            session.Execute();
            for (var i = 0; i < slots.Length; i++)
            {
                AssertClose(expected[i][^1], session.Logits(i), $"seed {seed} sequence {i}");
            }

            return;
        }
    }

    /// <summary>A slot that had an adapter of experts keeps nothing of it; an expert that the slice does not have is refused.</summary>
    [Fact]
    public void PackAdapter_OfExperts_SlotUsedBeforeKeepsNothing()
    {
        if (RefusesAdaptersOfExperts())
        {
            return;
        }

        var test = TestProgram.Create(Adjust(AdaptedMixture));
        int[] tokens = [4, 8, 15, 16, 23, 42];
        var second = test.CreateAdapter(8, (slice, expert) => slice.Experts > 1 && expert == 3 ? 5 : 0);
        using var session = new BackendSession(Factory, test, pages: 2048);
        var slot = session.AddAdapter(test.CreateAdapter(7, _ => 40));
        var first = Run(session, slot, tokens);
        using var prepared = session.Prepare(second);
        session.Backend.PackAdapter(slot, prepared, session.TakePages(prepared));
        Assert.Equal(LogitsOf(test, second, tokens), Run(session, slot, tokens));
        Assert.NotEqual(LogitsOf(test, null, tokens), Run(session, slot, tokens));
        Assert.NotEqual(first, Run(session, slot, tokens));

        using var beyond = session.Prepare(new AdapterWeights([.. second.Slices.Select(slice => slice with { Expert = test.Shape.Experts })]));
        Assert.ThrowsAny<Exception>(() => session.Backend.PackAdapter(slot, beyond, session.TakePages(beyond)));
    }

    /// <summary>A backend without them runs the model, and adapters of attention, and refuses those of experts.</summary>
    private bool RefusesAdaptersOfExperts()
    {
        var test = TestProgram.Create(Adjust(AdaptedMixture));
        using var session = new BackendSession(Factory, test);
        if (session.Backend.AdaptsExperts)
        {
            return false;
        }

        int[] tokens = [4, 8, 15, 16];
        var attention = session.AddAdapter(test.CreateAdapter(5, slice => slice.Projection == Projection.Query ? 8 : 0));
        Assert.NotEqual(Run(session, -1, tokens), Run(session, attention, tokens));
        foreach (var kind in new Func<LoraSlice, bool>[] { slice => slice.Experts > 1, slice => slice.Projection == Projection.Router })
        {
            var refused = Assert.Throws<ArgumentException>(() => session.Backend.PrepareAdapter(test.CreateAdapter(6, slice => kind(slice) ? 8 : 0)));
            Assert.Contains("experts", refused.Message, StringComparison.Ordinal);
        }

        return true;
    }
}
