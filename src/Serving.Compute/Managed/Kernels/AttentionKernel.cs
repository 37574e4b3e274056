using System.Runtime.CompilerServices;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Numerics;

namespace Serving.Compute.Managed.Kernels;

/// <summary>
/// The arithmetic of attention over one block of 32 ordinals. What a query gets depends on its own ordinal and the block only: scores are chains over the
/// elements, exponentials and their sum run over the block's 32 lanes with 0 behind the query's ordinal, weighted sums are chains over the ordinals.
/// </summary>
internal static unsafe class AttentionKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const int Block = AttentionState.Block;

    /// <summary>Scores of up to 4 queries against the gathered keys: scores[query][32].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float** queries, int count, float* keys, int headSize, float* scores)
    {
        var q0 = queries[0];
        var q1 = queries[Math.Min(1, count - 1)];
        var q2 = queries[Math.Min(2, count - 1)];
        var q3 = queries[Math.Min(3, count - 1)];
        for (var c = 0; c < Block; c += 2 * TL.Count)
        {
            var zero = TL.Broadcast(0);
            TV a0 = zero, a1 = zero, a2 = zero, a3 = zero;
            TV b0 = zero, b1 = zero, b2 = zero, b3 = zero;
            var k = keys + c;
            for (nint d = 0; d < headSize; d++, k += AttentionState.KeyStride)
            {
                var first = TL.Load(k);
                var second = TL.Load(k + TL.Count);
                var q = TL.Broadcast(q0[d]);
                a0 = TL.MultiplyAdd(q, first, a0);
                b0 = TL.MultiplyAdd(q, second, b0);
                q = TL.Broadcast(q1[d]);
                a1 = TL.MultiplyAdd(q, first, a1);
                b1 = TL.MultiplyAdd(q, second, b1);
                q = TL.Broadcast(q2[d]);
                a2 = TL.MultiplyAdd(q, first, a2);
                b2 = TL.MultiplyAdd(q, second, b2);
                q = TL.Broadcast(q3[d]);
                a3 = TL.MultiplyAdd(q, first, a3);
                b3 = TL.MultiplyAdd(q, second, b3);
            }

            Store(a3, b3, scores + (Math.Min(3, count - 1) * Block) + c);
            Store(a2, b2, scores + (Math.Min(2, count - 1) * Block) + c);
            Store(a1, b1, scores + (Math.Min(1, count - 1) * Block) + c);
            Store(a0, b0, scores + c);
        }
    }

    /// <summary>
    /// Turns a query's scores into probabilities relative to the running maximum, rounded to bf16 where <paramref name="round"/>; adds the unrounded ones to
    /// <paramref name="weight"/> and rescales <paramref name="sums"/> where the maximum rose. At least one of the scores counts.
    /// </summary>
    /// <param name="scores">The query's 32 scores.</param>
    /// <param name="from">The first of them within the query's window.</param>
    /// <param name="valid">How many of them are at or before the query's own ordinal.</param>
    /// <param name="scale">Factor of the scores.</param>
    /// <param name="cap">Their bound, or 0.</param>
    /// <param name="maximum">Running maximum.</param>
    /// <param name="weight">Running sum of exponentials.</param>
    /// <param name="sums">Running weighted sums.</param>
    /// <param name="sumCount">Their number, whole vectors.</param>
    /// <param name="round">Round the probabilities.</param>
    /// <param name="keyScales">What the 32 keys stand for per step, null for 1: factors of the scores.</param>
    /// <param name="valueScales">The same of the values: factors of the probabilities, not of their sum.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* scores, int from, int valid, float scale, float cap, float* maximum, float* weight, float* sums, int sumCount, bool round, float* keyScales = null, float* valueScales = null)
    {
        var scales = TL.Broadcast(scale);
        var none = TL.Broadcast(float.NegativeInfinity);
        var largest = none;
        for (var c = 0; c < Block; c += TL.Count)
        {
            var raw = keyScales == null ? TL.Load(scores + c) : TL.Multiply(TL.Load(scores + c), TL.Load(keyScales + c));
            var score = TL.Multiply(raw, scales);
            score = TL.KeepFirst(cap > 0 ? LaneMath<TL, TV>.Cap(score, TL.Broadcast(cap)) : score, valid - c, none);
            score = from > c ? TL.KeepFirst(none, from - c, score) : score;
            TL.Store(score, scores + c);
            largest = TL.Max(largest, score);
        }

        var old = *maximum;
        var next = MathF.Max(old, TL.Largest(largest));
        if (next > old)
        {
            var shrink = LaneMath<TL, TV>.Exp(old - next);
            *weight *= shrink;
            Scale(sums, sumCount, shrink);
            *maximum = next;
        }

        var maxima = TL.Broadcast(next);
        var total = TL.Broadcast(0);
        for (var c = 0; c < Block; c += TL.Count)
        {
            var p = LaneMath<TL, TV>.Exp(TL.Subtract(TL.Load(scores + c), maxima));
            total = TL.Add(total, p);
            p = valueScales == null ? p : TL.Multiply(p, TL.Load(valueScales + c));
            TL.Store(round ? TL.Round(p) : p, scores + c);
        }

        *weight += TL.Sum(total);
    }

    /// <summary>sums += probabilities · values over <paramref name="valid"/> ordinals, for <paramref name="sumCount"/> elements (whole groups of 64).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(float* probabilities, int valid, float* values, int stride, float* sums, int sumCount)
    {
        for (var d = 0; d < sumCount; d += 4 * TL.Count)
        {
            var to = sums + d;
            var (a0, a1) = (TL.Load(to), TL.Load(to + TL.Count));
            var (a2, a3) = (TL.Load(to + (2 * TL.Count)), TL.Load(to + (3 * TL.Count)));
            var v = values + d;
            for (nint j = 0; j < valid; j++, v += stride)
            {
                var p = TL.Broadcast(probabilities[j]);
                a0 = TL.MultiplyAdd(p, TL.Load(v), a0);
                a1 = TL.MultiplyAdd(p, TL.Load(v + TL.Count), a1);
                a2 = TL.MultiplyAdd(p, TL.Load(v + (2 * TL.Count)), a2);
                a3 = TL.MultiplyAdd(p, TL.Load(v + (3 * TL.Count)), a3);
            }

            StoreFour(a0, a1, a2, a3, to);
        }
    }

    /// <summary>The same for two queries with equally many ordinals, whose probabilities are 32 apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AccumulateTwo(float* probabilities, int valid, float* values, int stride, float* sums, int sumCount)
    {
        for (var d = 0; d < sumCount; d += 4 * TL.Count)
        {
            var to = sums + d;
            var (a0, a1) = (TL.Load(to), TL.Load(to + TL.Count));
            var (a2, a3) = (TL.Load(to + (2 * TL.Count)), TL.Load(to + (3 * TL.Count)));
            to += sumCount;
            var (b0, b1) = (TL.Load(to), TL.Load(to + TL.Count));
            var (b2, b3) = (TL.Load(to + (2 * TL.Count)), TL.Load(to + (3 * TL.Count)));
            var v = values + d;
            for (nint j = 0; j < valid; j++, v += stride)
            {
                var (v0, v1) = (TL.Load(v), TL.Load(v + TL.Count));
                var (v2, v3) = (TL.Load(v + (2 * TL.Count)), TL.Load(v + (3 * TL.Count)));
                var p = TL.Broadcast(probabilities[j]);
                a0 = TL.MultiplyAdd(p, v0, a0);
                a1 = TL.MultiplyAdd(p, v1, a1);
                a2 = TL.MultiplyAdd(p, v2, a2);
                a3 = TL.MultiplyAdd(p, v3, a3);
                p = TL.Broadcast(probabilities[Block + j]);
                b0 = TL.MultiplyAdd(p, v0, b0);
                b1 = TL.MultiplyAdd(p, v1, b1);
                b2 = TL.MultiplyAdd(p, v2, b2);
                b3 = TL.MultiplyAdd(p, v3, b3);
            }

            StoreFour(a0, a1, a2, a3, sums + d);
            StoreFour(b0, b1, b2, b3, sums + sumCount + d);
        }
    }

    /// <summary>Merges a split's state into the total, in the order of the splits.</summary>
    public static void Merge(float maximum, float weight, float* sums, float* totalMaximum, float* totalWeight, float* totalSums, int sumCount)
    {
        var next = MathF.Max(*totalMaximum, maximum);
        var before = LaneMath<TL, TV>.Exp(*totalMaximum - next);
        var now = LaneMath<TL, TV>.Exp(maximum - next);
        *totalWeight = LaneMath.MultiplyAdd(weight, now, *totalWeight * before);
        *totalMaximum = next;
        var (beforeLanes, nowLanes) = (TL.Broadcast(before), TL.Broadcast(now));
        for (var d = 0; d < sumCount; d += TL.Count)
        {
            var kept = TL.Multiply(TL.Load(totalSums + d), beforeLanes);
            TL.Store(TL.MultiplyAdd(TL.Load(sums + d), nowLanes, kept), totalSums + d);
        }
    }

    /// <summary>Merges a sink behind the last split: a token with that score whose value is nothing.</summary>
    public static void AddSink(float sink, float* totalMaximum, float* totalWeight, float* totalSums, int sumCount)
    {
        var next = MathF.Max(*totalMaximum, sink);
        var before = LaneMath<TL, TV>.Exp(*totalMaximum - next);
        *totalWeight = LaneMath.MultiplyAdd(*totalWeight, before, LaneMath<TL, TV>.Exp(sink - next));
        *totalMaximum = next;
        Scale(totalSums, sumCount, before);
    }

    /// <summary>y = sums ÷ weight, rounded to bf16 where <paramref name="round"/>.</summary>
    public static void Finish(float* sums, float weight, float* y, int headSize, bool round)
    {
        for (var d = 0; d < headSize; d++)
        {
            var value = sums[d] / weight;
            y[d] = round ? BFloat16Bits.Round(value) : value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(float* values, int count, float factor)
    {
        var factors = TL.Broadcast(factor);
        for (var d = 0; d < count; d += TL.Count)
        {
            TL.Store(TL.Multiply(TL.Load(values + d), factors), values + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TV first, TV second, float* to)
    {
        TL.Store(first, to);
        TL.Store(second, to + TL.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(TV a, TV b, TV c, TV d, float* to)
    {
        Store(a, b, to);
        Store(c, d, to + (2 * TL.Count));
    }
}
