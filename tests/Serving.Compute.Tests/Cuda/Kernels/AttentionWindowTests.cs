using Serving.Compute.Cuda.Plans;
using Serving.Compute.Numerics;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Windows, bounded scores and sinks, by every kernel that has them.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class AttentionWindowTests
{
    private const float Scale = 0.4f;

    /// <summary>Below, among and far above all scores: one that is far above leaves nothing of the values.</summary>
    private static readonly float[] Sinks = [-300, 0.5f, 3, 200];

    /// <summary>Head size, variant, window, bound, whether there are sinks, splits of a piece, whether keys and values are integers.</summary>
    public static TheoryData<int, AttentionVariant, int, float, bool, int, bool> Cases => new()
    {
        { 18, AttentionVariant.Plain, 1, 0, false, 1, false },
        { 18, AttentionVariant.Plain, 20, 3, false, 1, false },
        { 18, AttentionVariant.Plain, 20, 0, true, 1, false },
        { 18, AttentionVariant.Plain, 32, 0, false, 2, false },
        { 18, AttentionVariant.Plain, 513, 0, false, 1, false },
        { 18, AttentionVariant.Plain, 540, 1.5f, false, AttentionShares.Whole, false },
        { 18, AttentionVariant.Plain, 0, 2, true, 1, false },
        { 64, AttentionVariant.TensorCores, 45, 0.5f, true, 1, false },
        { 64, AttentionVariant.TensorCores, 1, 3, false, AttentionShares.Whole, false },
        { 128, AttentionVariant.TensorCores, 540, 1.5f, true, 1, false },
        { 64, AttentionVariant.TensorCores, 0, 2, true, 1, false },
        { 64, AttentionVariant.Prefill, 20, 3, true, AttentionShares.Whole, false },
        { 128, AttentionVariant.Prefill, 513, 0, true, 1, false },
        { 64, AttentionVariant.Warpgroups, 20, 3, true, AttentionShares.Whole, false },
        { 128, AttentionVariant.Warpgroups, 513, 0, true, 1, false },
        { 18, AttentionVariant.Plain, 20, 3, true, 1, true },
        { 64, AttentionVariant.TensorCores, 45, 0.5f, true, 1, true },
        { 128, AttentionVariant.Prefill, 513, 0, true, 1, true },
        { 64, AttentionVariant.Warpgroups, 20, 3, true, AttentionShares.Whole, true },
    };

    /// <summary>
    /// Against double precision: contexts in pieces too, so that splits before a window have no states, and windows that begin before, at and behind the boundaries of blocks, tiles
    /// and splits.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_WindowBoundOrSinks_MatchesFormula(int headSize, AttentionVariant variant, int window, float cap, bool hasSinks, int pieces, bool integers = false)
    {
        using var session = new KernelSession();
        var fixture = Create(headSize, window, cap, hasSinks, pieces, integers: integers);
        var queries = AttentionKernelTests.Queries(fixture);
        var actual = fixture.Run(session, queries, Scale, variant);
        AttentionKernelTests.ForEachRow(fixture, (sequence, row, ordinal, head) =>
        {
            var at = (row * fixture.Shape.QueryWidth) + (head * headSize);
            var query = queries.AsSpan(at, headSize).ToArray().ToSingles().Select(value => (double)value).ToArray();
            var seen = Enumerable.Range(0, ordinal + 1).Where(token => window == 0 || token > ordinal - window).ToList();
            var keys = seen.Select(token => fixture.Key(sequence, token, head / 2)).ToArray();
            var values = seen.Select(token => fixture.Value(sequence, token, head / 2)).ToArray();
            var expected = ReferenceOps.Attend(query, keys, values, Scale, cap, round: false, hasSinks ? Sinks[head] : null);
            for (var d = 0; d < headSize; d++)
            {
                Values.AssertRounded(expected[d], actual[at + d], $"window {window}, row {row}, head {head}, element {d}", absolute: 0.006);
            }
        });
    }

    /// <summary>
    /// The same bits whether rows are few or many in an item, and contexts are walked whole, given out in pieces, or walked from their first token on by a plan that knows no window.
    /// </summary>
    [Theory]
    [InlineData(18, 20, 0, true)]
    [InlineData(64, 45, 0, true)]
    [InlineData(128, 540, 1.5f, true)]
    [InlineData(64, 0, 2, true)]
    [InlineData(128, 540, 1.5f, true, true)]
    public void Attention_AnyDealing_IsEqual(int headSize, int window, float cap, bool hasSinks, bool integers = false)
    {
        using var session = new KernelSession();
        AttentionVariant[] variants = headSize == 18 ? [AttentionVariant.Plain] : [AttentionVariant.TensorCores, AttentionVariant.Prefill];
        ushort[]? first = null;
        foreach (var (variant, pieces, plans) in variants.SelectMany(variant => new[] { (variant, AttentionShares.Whole, true), (variant, 1, true), (variant, 1, false) }))
        {
            var fixture = Create(headSize, window, cap, hasSinks, pieces, plans, integers);
            var actual = fixture.Run(session, AttentionKernelTests.Queries(fixture), Scale, variant);
            first ??= actual;
            Assert.Equal(first, actual);
        }
    }

    /// <summary>Few rows behind two split boundaries, a chunk of many, one with pages of thirteen tokens, and a beginning.</summary>
    private static AttentionFixture Create(int headSize, int window, float cap, bool hasSinks, int pieces, bool plansWindow = true, bool integers = false)
    {
        var fixture = new AttentionFixture(4, 2, headSize, AttentionKernelTests.Element(integers), AttentionKernelTests.Element(integers), AttentionKernelTests.Step(integers))
        {
            Window = window,
            PlansWindow = plansWindow,
            Cap = cap,
            MostSplits = pieces,
            Sinks = hasSinks ? Sinks : [],
        };
        fixture.Add(1100, 2);
        fixture.Add(530, 34, fill: 13);
        fixture.Add(0, 40);
        return fixture;
    }
}
