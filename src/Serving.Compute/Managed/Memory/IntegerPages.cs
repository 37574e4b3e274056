using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Memory;

/// <summary>
/// Keys and values of eight bits within a page (<see cref="KeyValueFormat.Int8"/>): [layer][keys, values][kv head], each integers as [element][16 slots] of keys and [16 slots][element]
/// of values, and behind them 16 scales.
/// </summary>
internal sealed unsafe class IntegerPages(ModelShape shape)
{
    private const int Slots = ModelShape.PageTokens;

    /// <summary>A largest magnitude below this counts as zero: the factor that spreads it over 127 steps would not be finite.</summary>
    private const float Smallest = 1e-30f;

    private readonly int _headSize = shape.HeadSize;
    private readonly int _kvHeads = shape.KvHeadCount;
    private readonly int _layers = shape.KvLayerCount;
    private readonly long _blockBytes = Slots * (long)(shape.HeadSize + sizeof(float));

    /// <summary>Rounds and writes the key and value of one token and head.</summary>
    public void Append(byte* page, int slot, int layer, int kvHead, float* key, float* value)
    {
        var block = KeysOf(page, layer, kvHead);
        ScalesOf(block)[slot] = Round(key, block + slot, Slots);
        block = ValuesOf(page, layer, kvHead);
        ScalesOf(block)[slot] = Round(value, block + (slot * _headSize), 1);
    }

    /// <summary>Widens the keys of 16 slots from <paramref name="slot"/> on into [element][stride], and copies the scales of <paramref name="count"/>. Slots past the last are other bytes of the page.</summary>
    public void GatherKeys(byte* page, int slot, int count, int layer, int kvHead, float* destination, int stride, float* scales)
    {
        var block = KeysOf(page, layer, kvHead);
        for (var d = 0; d < _headSize; d++)
        {
            Sixteen(block + (d * Slots) + slot, destination + ((long)d * stride));
        }

        new ReadOnlySpan<float>(ScalesOf(block) + slot, count).CopyTo(new Span<float>(scales, count));
    }

    /// <summary>Widens the values of <paramref name="count"/> slots into [slot][stride], rows up to a multiple of 16 elements, and copies their scales.</summary>
    public void GatherValues(byte* page, int slot, int count, int layer, int kvHead, float* destination, int stride, float* scales)
    {
        var block = ValuesOf(page, layer, kvHead);
        for (var i = 0; i < count; i++)
        {
            for (var d = 0; d < _headSize; d += 16)
            {
                Sixteen(block + ((slot + i) * _headSize) + d, destination + ((long)i * stride) + d);
            }
        }

        new ReadOnlySpan<float>(ScalesOf(block) + slot, count).CopyTo(new Span<float>(scales, count));
    }

    /// <summary>Copies the first <paramref name="tokens"/> slots over all layers.</summary>
    public void Copy(byte* source, byte* destination, int tokens)
    {
        for (var layer = 0; layer < _layers; layer++)
        {
            for (var head = 0; head < _kvHeads; head++)
            {
                var from = KeysOf(source, layer, head);
                var to = KeysOf(destination, layer, head);
                for (var d = 0; d < _headSize; d++)
                {
                    new ReadOnlySpan<sbyte>(from + (d * Slots), tokens).CopyTo(new Span<sbyte>(to + (d * Slots), tokens));
                }

                new ReadOnlySpan<float>(ScalesOf(from), tokens).CopyTo(new Span<float>(ScalesOf(to), tokens));
                from = ValuesOf(source, layer, head);
                to = ValuesOf(destination, layer, head);
                new ReadOnlySpan<sbyte>(from, tokens * _headSize).CopyTo(new Span<sbyte>(to, tokens * _headSize));
                new ReadOnlySpan<float>(ScalesOf(from), tokens).CopyTo(new Span<float>(ScalesOf(to), tokens));
            }
        }
    }

    private sbyte* KeysOf(byte* page, int layer, int kvHead) => (sbyte*)page + (((layer * 2L * _kvHeads) + kvHead) * _blockBytes);

    private sbyte* ValuesOf(byte* page, int layer, int kvHead) => KeysOf(page, layer, kvHead + _kvHeads);

    private float* ScalesOf(sbyte* block) => (float*)(block + (Slots * _headSize));

    /// <summary>Rounds a row to integers, so many apart, and returns its scale.</summary>
    private float Round(float* x, sbyte* integers, int stride)
    {
        var largest = 0f;
        for (var d = 0; d < _headSize; d++)
        {
            largest = MathF.Max(largest, MathF.Abs(x[d]));
        }

        var factor = largest > Smallest ? 127f / largest : 0;
        for (var d = 0; d < _headSize; d++)
        {
            integers[d * stride] = (sbyte)MathF.Round(x[d] * factor);
        }

        return largest / 127f;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen(sbyte* source, float* destination)
    {
        var (low, high) = Vector128.Widen(Vector128.Load(source));
        var (a, b) = Vector128.Widen(low);
        var (c, d) = Vector128.Widen(high);
        Vector128.Store(Vector128.ConvertToSingle(a), destination);
        Vector128.Store(Vector128.ConvertToSingle(b), destination + 4);
        Vector128.Store(Vector128.ConvertToSingle(c), destination + 8);
        Vector128.Store(Vector128.ConvertToSingle(d), destination + 12);
    }
}
