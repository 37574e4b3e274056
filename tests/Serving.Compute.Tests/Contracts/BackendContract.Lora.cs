using Serving.Compute.Adapters;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <content>Adapters: any mix of ranks and slices in one step, and the equivalence to merged weights.</content>
public abstract partial class BackendContract
{
    /// <summary>Ranks that fill cells, that do not, and the largest.</summary>
    private static readonly int[] Ranks = [1, 8, 9, 16, 64, 256, 3, 24];

    /// <summary>
    /// Sequences with adapters of all ranks, each with other slices, and some without an adapter, in one step: each gives what the reference gives for it.
    /// </summary>
    [Theory]
    [InlineData("llama")]
    [InlineData("odd")]
    [InlineData("qwen2")]
    public void Execute_MixedAdapters_MatchReference(string shape) => MatchMixed(shape, hasMagnitudes: false);

    /// <summary>The same where every second adapter has magnitudes (DoRA), on Linears with biases and widths that are no multiples of anything.</summary>
    [Fact]
    public void Execute_MixedMagnitudes_MatchReference() => MatchMixed("odd", hasMagnitudes: true);

    private void MatchMixed(string shape, bool hasMagnitudes)
    {
        var test = TestProgram.Create(ShapeOf(shape) with { HasMagnitudes = hasMagnitudes });
        using var session = new BackendSession(Factory, test, pages: 4096);
        if (hasMagnitudes && !session.Backend.AdaptsMagnitudes)
        {
            return;
        }

        var adapters = Ranks.Select((rank, i) => test.CreateAdapter(100 + i, slice => (slice.Index + i) % 3 == 0 ? 0 : rank)).ToArray();
        var slots = adapters.Select(session.AddAdapter).ToArray();
        var sequences = new List<(int[] Tokens, AdapterWeights? Adapter)>();
        session.Inputs.Clear();
        for (var i = 0; i < (2 * Ranks.Length) + 3; i++)
        {
            var adapter = i % 3 == 2 ? -1 : i % Ranks.Length;
            int[] tokens = [.. Enumerable.Range(0, 1 + (i * 7 % 13)).Select(j => ((i * 31) + (j * 17)) % test.Shape.Vocabulary)];
            new TestSequence(session, adapter < 0 ? -1 : slots[adapter]).AddChunk(tokens, last: Greedy);
            sequences.Add((tokens, adapter < 0 ? null : adapters[adapter]));
        }

        session.Execute();
        for (var i = 0; i < sequences.Count; i++)
        {
            var (tokens, adapter) = sequences[i];
            var expected = SharedReference.Of(test, adapter, Factory.Rounds, tokens, $"mixed adapters, sequence {i}").Logits[^1];
            AssertClose(expected, session.Logits(i), $"{shape} sequence {i}");
        }
    }

    /// <summary>
    /// A LoRA whose product is exact in bf16 against a model with that product added to its weights: B has one entry per row that picks a row of A, so that W + scale·BA is
    /// W with some entries replaced, exactly.
    /// </summary>
    [Fact]
    public void Execute_Adapter_EqualsMergedWeights()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        var (adapter, merged) = Merge(test);
        int[] tokens = [.. Enumerable.Range(0, 21).Select(i => i * 11 % test.Shape.Vocabulary)];
        var withAdapter = LogitsOf(test, adapter, tokens);
        var withMerged = LogitsOf(merged, null, tokens);
        var plain = LogitsOf(test, null, tokens);
        double[] expected = [.. withMerged.Select(value => (double)value)];
        var changed = plain.Zip(withMerged, (a, b) => Math.Abs(a - b)).Max();
        if (test.Shape.Format == WeightFormat.BFloat16)
        {
            AssertClose(expected, withAdapter, "adapter against merged");
            Assert.True(changed > 0.5, "The adapter changes nothing, so the comparison shows nothing.");
            return;
        }

        // Merged weights are rounded to integers again, the product of an adapter is not.
        var off = Spread([.. expected.Zip(withAdapter, (a, b) => a - b)]) / Spread(expected);
        var without = Spread([.. expected.Zip(plain, (a, b) => a - b)]) / Spread(expected);
        Assert.True(off <= (test.Shape.Format == WeightFormat.Int8 ? 0.03 : 0.15), $"adapter against merged: off by {off} of the spread");
        Assert.True(without > 3 * off, $"The adapter changes the logits by {without} of their spread, rounding by {off}: the comparison shows nothing.");
    }

    /// <summary>A slot that is packed again, with fewer slices and another rank, keeps nothing of the old adapter.</summary>
    [Fact]
    public void PackAdapter_SlotUsedBefore_KeepsNothing()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        int[] tokens = [4, 8, 15, 16, 23, 42];
        var second = test.CreateAdapter(8, slice => slice.Projection == Projection.Down ? 5 : 0);
        using var session = new BackendSession(Factory, test);
        var slot = session.AddAdapter(test.CreateAdapter(7, _ => 40));
        Run(session, slot, tokens);
        using var prepared = session.Prepare(second);
        session.Backend.PackAdapter(slot, prepared, session.TakePages(prepared));
        Assert.Equal(LogitsOf(test, second, tokens), Run(session, slot, tokens));
    }

    /// <summary>Prepared once, packed several times; host memory given back right behind the last, and others prepared and packed from it before any step has run.</summary>
    [Fact]
    public void PackAdapter_PreparedOnce_MayBePackedAgainAndGivenBackAtOnce()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        int[] tokens = [4, 8, 15, 16, 23, 42];
        AdapterWeights[] adapters = [.. Enumerable.Range(0, 4).Select(i => test.CreateAdapter(20 + i, _ => 24 - i))];
        using var session = new BackendSession(Factory, test, pages: 2048);
        var slots = new List<(int Slot, AdapterWeights Adapter)>();
        foreach (var adapter in adapters)
        {
            using var prepared = session.Prepare(adapter);
            slots.Add((session.Add(prepared), adapter));
            slots.Add((session.Add(prepared), adapter));
        }

        foreach (var (slot, adapter) in slots)
        {
            Assert.Equal(LogitsOf(test, adapter, tokens), Run(session, slot, tokens));
        }
    }

    /// <summary>What memory an adapter takes is known before it is prepared, and grows with its rank.</summary>
    [Fact]
    public void PreparedBytesOf_LargerRank_IsMore()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        using var session = new BackendSession(Factory, test);
        var matrices = test.CreateAdapter(1, _ => 64).Slices.Sum(slice => 2L * (slice.A.Length + slice.B.Length));
        Assert.InRange(session.Backend.PreparedBytesOf(test.CreateAdapter(1, _ => 64)), matrices, 2 * matrices);
        Assert.InRange(session.Backend.PreparedBytesOf(test.CreateAdapter(1, _ => 8)), 1, matrices / 2);
    }

    [Fact]
    public void PackAdapter_PreparedElsewhere_IsRefused()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        using var session = new BackendSession(Factory, test);
        using var foreign = new ForeignAdapter();
        Assert.Throws<ArgumentException>(() => session.Backend.PackAdapter(0, foreign, [0]));
    }

    private float[] LogitsOf(TestProgram test, AdapterWeights? adapter, int[] tokens)
    {
        using var session = new BackendSession(Factory, test);
        return Run(session, adapter is null ? -1 : session.AddAdapter(adapter), tokens);
    }

    private static float[] Run(BackendSession session, int slot, int[] tokens)
    {
        session.Inputs.Clear();
        new TestSequence(session, slot).AddChunk(tokens, last: Greedy);
        session.Execute();
        return session.Logits(0);
    }

    private static (AdapterWeights Adapter, TestProgram Merged) Merge(TestProgram test)
    {
        const int Rank = 6;
        const float Scale = 0.5f;
        var random = new Random(77);
        var weights = test.Weights.Select(values => values.ToArray()).ToArray();
        var slices = new List<AdapterSlice>();
        foreach (var op in test.Program.Ops.OfType<LinearOp>())
        {
            foreach (var slice in op.Slices)
            {
                var a = new ushort[Rank * slice.InputWidth];
                var b = new ushort[slice.OutputWidth * Rank];
                for (var n = 0; n < slice.OutputWidth; n++)
                {
                    b[(n * Rank) + (n % Rank)] = BFloat16Bits.FromSingle(1);
                }

                // Column k of A is one value in one row; the outputs that pick this row have it added to their weight, which is zero there in the merged and the plain model.
                for (var k = 0; k < slice.InputWidth; k++)
                {
                    var value = (float)(random.NextDouble() - 0.5);
                    a[(k % Rank * slice.InputWidth) + k] = BFloat16Bits.FromSingle(value);
                    ReplaceWeights(test, weights, op.Weight, slice, k, Rank, BFloat16Bits.Round(value) * Scale);
                }

                slices.Add(new AdapterSlice(slice.Index, Rank, Scale, a, b));
            }
        }

        return (new AdapterWeights(slices), test with { Weights = weights });
    }

    private static void ReplaceWeights(TestProgram test, ushort[][] merged, int weight, LoraSlice slice, int k, int rank, float value)
    {
        for (var n = k % rank; n < slice.OutputWidth; n += rank)
        {
            var at = ((slice.OutputOffset + n) * slice.InputWidth) + k;
            test.Weights[weight][at] = 0;
            merged[weight][at] = BFloat16Bits.FromSingle(value);
        }
    }

    private sealed class ForeignAdapter : IPreparedAdapter
    {
        public int PageCount => 1;

        public void Dispose()
        {
        }
    }
}
