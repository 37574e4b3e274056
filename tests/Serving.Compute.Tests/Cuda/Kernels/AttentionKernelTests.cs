using Serving.Compute.Cuda.Plans;
using Serving.Compute.Numerics;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Attention by every kernel: GQA ratios 1 to 8, head sizes, partly filled pages, splits, shared pages.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class AttentionKernelTests
{
    /// <summary>Heads, kv heads, head size, variant, whether keys and values are integers.</summary>
    public static TheoryData<int, int, int, AttentionVariant, bool> Shapes => new()
    {
        { 2, 2, 16, AttentionVariant.Plain, false },
        { 6, 2, 18, AttentionVariant.Plain, false },
        { 8, 1, 80, AttentionVariant.Plain, false },
        { 1, 1, 256, AttentionVariant.Plain, false },
        { 4, 2, 64, AttentionVariant.Plain, false },
        { 2, 2, 64, AttentionVariant.TensorCores, false },
        { 4, 2, 64, AttentionVariant.TensorCores, false },
        { 7, 1, 64, AttentionVariant.TensorCores, false },
        { 8, 1, 128, AttentionVariant.TensorCores, false },
        { 5, 1, 128, AttentionVariant.Prefill, false },
        { 4, 4, 128, AttentionVariant.Prefill, false },
        { 5, 1, 128, AttentionVariant.Warpgroups, false },
        { 4, 2, 64, AttentionVariant.Warpgroups, false },
        { 1, 1, 128, AttentionVariant.Warpgroups, false },
        { 6, 2, 18, AttentionVariant.Plain, true },
        { 4, 2, 64, AttentionVariant.TensorCores, true },
        { 8, 1, 128, AttentionVariant.TensorCores, true },
        { 5, 1, 128, AttentionVariant.Prefill, true },
        { 5, 1, 128, AttentionVariant.Warpgroups, true },
        { 4, 2, 64, AttentionVariant.Warpgroups, true },
    };

    /// <summary>
    /// Queries of zeros weigh all tokens alike, and whole numbers are exact in every sum: the output is their mean, rounded once. A token too many, too few or of another
    /// sequence changes it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attention_EqualWeights_IsTheMean(int heads, int kvHeads, int headSize, AttentionVariant variant, bool integers = false)
    {
        using var session = new KernelSession();
        var fixture = Mixed(heads, kvHeads, headSize, _ => 1, random => random.Next(-100, 101), step: integers ? random => MathF.ScaleB(1, random.Next(-1, 3)) : null);
        var actual = fixture.Run(session, new ushort[fixture.Inputs.RowCount * fixture.Shape.QueryWidth], 0.3f, variant);
        ForEachRow(fixture, (sequence, row, ordinal, head) =>
        {
            var sums = new double[headSize];
            for (var token = 0; token <= ordinal; token++)
            {
                var value = fixture.Value(sequence, token, head / (heads / kvHeads));
                for (var d = 0; d < headSize; d++)
                {
                    sums[d] += value[d];
                }
            }

            for (var d = 0; d < headSize; d++)
            {
                var value = BFloat16Bits.ToSingle(actual[(row * fixture.Shape.QueryWidth) + (head * headSize) + d]);
                Assert.True(BFloat16Bits.Round((float)sums[d] / (ordinal + 1)) == value, $"row {row}, head {head}, element {d}: {sums[d]} / {ordinal + 1} became {value}");
            }
        });
    }

    /// <summary>Random queries and keys, against double precision.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attention_RandomQueries_MatchFormula(int heads, int kvHeads, int headSize, AttentionVariant variant, bool integers = false)
    {
        using var session = new KernelSession();
        var fixture = Mixed(heads, kvHeads, headSize, Element(integers), Element(integers), step: Step(integers));
        var queries = Queries(fixture);
        var scale = 2 / MathF.Sqrt(headSize);
        var actual = fixture.Run(session, queries, scale, variant);
        ForEachRow(fixture, (sequence, row, ordinal, head) =>
        {
            var kvHead = head / (heads / kvHeads);
            var at = (row * fixture.Shape.QueryWidth) + (head * headSize);
            var query = queries.AsSpan(at, headSize).ToArray().ToSingles().Select(value => (double)value).ToArray();
            var keys = Enumerable.Range(0, ordinal + 1).Select(token => fixture.Key(sequence, token, kvHead)).ToArray();
            var values = Enumerable.Range(0, ordinal + 1).Select(token => fixture.Value(sequence, token, kvHead)).ToArray();
            var expected = ReferenceOps.Attend(query, keys, values, scale, cap: 0, round: false);
            for (var d = 0; d < headSize; d++)
            {
                Values.AssertRounded(expected[d], actual[at + d], $"row {row}, head {head}, element {d}", absolute: 0.006);
            }
        });
    }

    /// <summary>The same bits whether rows are few or many in an item, splits are given out or walked in turn, and shared pages are packed or not.</summary>
    [Theory]
    [InlineData(4, 2, 64)]
    [InlineData(8, 1, 128)]
    [InlineData(4, 2, 64, true)]
    [InlineData(8, 1, 128, true)]
    public void Attention_AnyDealing_IsEqual(int heads, int kvHeads, int headSize, bool integers = false)
    {
        using var session = new KernelSession();
        ushort[]? first = null;
        foreach (var (variant, groups, states) in new[]
        {
            (AttentionVariant.TensorCores, true, 1000), (AttentionVariant.TensorCores, false, 1000), (AttentionVariant.TensorCores, false, 0),
            (AttentionVariant.Prefill, true, 1000), (AttentionVariant.Prefill, false, 0),
        })
        {
            var fixture = Mixed(heads, kvHeads, headSize, Element(integers), Element(integers), groups, states, Step(integers));
            var actual = fixture.Run(session, Queries(fixture), 0.2f, variant);
            first ??= actual;
            Assert.Equal(first, actual);
        }
    }

    /// <summary>So for the plain kernel.</summary>
    [Fact]
    public void AttentionPlain_AnyDealing_IsEqual()
    {
        using var session = new KernelSession();
        ushort[]? first = null;
        foreach (var (groups, states) in new[] { (true, 1000), (false, 1000), (false, 0) })
        {
            var fixture = Mixed(6, 2, 18, Normal, Normal, groups, states);
            var actual = fixture.Run(session, Queries(fixture), 0.2f, AttentionVariant.Plain);
            first ??= actual;
            Assert.Equal(first, actual);
        }
    }

    /// <summary>The same bits whether contexts are walked whole or given out in pieces of one, two or three splits, a row alone or two side by side.</summary>
    [Theory]
    [InlineData(4, 2, 64, AttentionVariant.TensorCores)]
    [InlineData(3, 1, 128, AttentionVariant.TensorCores)]
    [InlineData(2, 1, 18, AttentionVariant.Plain)]
    [InlineData(3, 1, 128, AttentionVariant.TensorCores, true)]
    public void Attention_AnyPieces_IsEqual(int heads, int kvHeads, int headSize, AttentionVariant variant, bool integers = false)
    {
        using var session = new KernelSession();
        ushort[]? first = null;
        foreach (var pieces in new[] { AttentionShares.Whole, 1, 2, 3 })
        {
            var fixture = new AttentionFixture(heads, kvHeads, headSize, Element(integers), Element(integers), Step(integers)) { MostSplits = pieces };
            fixture.Add(1700, 1);
            fixture.Add(1023, 2, fill: 13);
            fixture.Add(40, 1);
            var actual = fixture.Run(session, Queries(fixture), 0.2f, variant);
            first ??= actual;
            Assert.Equal(first, actual);
        }
    }

    /// <summary>More splits than the merging kernel reads ahead, in states and in registers: the same bits.</summary>
    [Fact]
    public void Attention_ManySplits_AreMergedAsWhole()
    {
        using var session = new KernelSession();
        ushort[]? first = null;
        foreach (var pieces in new[] { AttentionShares.Whole, 1, 4 })
        {
            var fixture = new AttentionFixture(2, 1, 64, Normal, Normal) { MostSplits = pieces };
            fixture.Add(8600, 1);
            fixture.Add(4095, 1);
            var actual = fixture.Run(session, Queries(fixture), 0.2f, AttentionVariant.TensorCores);
            first ??= actual;
            Assert.Equal(first, actual);
        }
    }

    /// <summary>One token; block and split boundaries, and one token before a block's; a chunk over a boundary; pages filled by 5 and by 16; sequences that share their first 512 tokens.</summary>
    private static AttentionFixture Mixed(
        int heads, int kvHeads, int headSize, Func<Random, float> key, Func<Random, float> value, bool groups = true, int states = 1000, Func<Random, float>? step = null)
    {
        var fixture = new AttentionFixture(heads, kvHeads, headSize, key, value, step) { GroupsSharedPages = groups, StateCapacity = states };
        fixture.Add(0, 1);
        fixture.Add(31, 1, fill: 5);
        fixture.Add(63, 2);
        fixture.Add(500, 20);
        fixture.Add(0, 70, fill: 7);
        for (var i = 0; i < 4; i++)
        {
            fixture.Add(512 + (20 * i), 1, sharesWith: i == 0 ? -1 : 5, sharedTokens: i == 0 ? 0 : 512);
        }

        fixture.Add(30, 1);
        return fixture;
    }

    /// <summary>Elements about zero.</summary>
    internal static float Normal(Random random) => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2);

    /// <summary>Draws elements about zero, or the integers that stand for them.</summary>
    internal static Func<Random, float> Element(bool integers) => integers ? random => Normal(random) * 40 : Normal;

    /// <summary>Draws what an integer stands for: so little that elements are no larger than drawn.</summary>
    internal static Func<Random, float>? Step(bool integers) => integers ? random => (0.4f + (0.6f * (float)random.NextDouble())) / 40 : null;

    /// <summary>Queries of all rows.</summary>
    internal static ushort[] Queries(AttentionFixture fixture)
    {
        var random = new Random(17);
        return [.. Enumerable.Range(0, fixture.Inputs.RowCount * fixture.Shape.QueryWidth).Select(_ => BFloat16Bits.FromSingle(Normal(random)))];
    }

    /// <summary>Calls with sequence, row, ordinal and head.</summary>
    internal static void ForEachRow(AttentionFixture fixture, Action<int, int, int, int> check)
    {
        for (var sequence = 0; sequence < fixture.Inputs.SequenceCount; sequence++)
        {
            var rows = fixture.Inputs.Sequences[sequence];
            for (var row = 0; row < rows.RowCount; row++)
            {
                for (var head = 0; head < fixture.Shape.HeadCount; head++)
                {
                    check(sequence, rows.FirstRow + row, rows.FirstOrdinal + row, head);
                }
            }
        }
    }
}
