using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Memory;

/// <summary>
/// All pages. A page of keys and values is [layer][keys, values][kv head], keys as [element][16 slots] (what scores read as vectors over slots) and
/// values as [16 slots][element] (what the weighted sum reads as vectors over elements), in bf16, in integers (<see cref="IntegerPages"/>), or in floats where the backend is exact.
/// </summary>
internal sealed unsafe class PageArena : IDisposable
{
    private const int Slots = ModelShape.PageTokens;

    private readonly NativeBuffer<byte> _memory;
    private readonly NativeBuffer<byte> _host;
    private readonly ModelShape _shape;
    private readonly bool _exact;
    private readonly IntegerPages? _integers;
    private readonly long _headElements;

    /// <summary>Takes the memory. An exact arena's pages are longer than <see cref="PoolShape.PageBytes"/>, floats whatever the format; cells use the first part.</summary>
    public PageArena(ModelShape shape, PoolShape pool, bool exact)
    {
        _shape = shape;
        _exact = exact;
        _integers = !exact && shape.KeyValues == KeyValueFormat.Int8 ? new IntegerPages(shape) : null;
        _headElements = (long)Slots * shape.HeadSize;
        PageStride = exact ? checked(Math.Max(pool.PageBytes, (shape with { KeyValues = KeyValueFormat.BFloat16 }).PageBytes) * 2) : pool.PageBytes;
        StateBytesOfPage = pool.PageBytes;
        _memory = new NativeBuffer<byte>(checked(PageStride * pool.PageCount), zeroed: false);
        _host = new NativeBuffer<byte>(checked(PageStride * pool.HostPageCount), zeroed: false);
    }

    /// <summary>Whether keys and values have scales, which the softmax takes.</summary>
    public bool HasScales => _integers is not null;

    /// <summary>Bytes from one page to the next.</summary>
    public long PageStride { get; }

    /// <summary>Bytes of a recurrent state that a page holds, from its first on: of an exact arena, whose pages are longer, too.</summary>
    public long StateBytesOfPage { get; }

    /// <summary>The first byte of a page.</summary>
    public byte* Page(int page) => _memory.Pointer + (page * PageStride);

    /// <summary>The element index of a head's keys within a page; its values follow those of all heads.</summary>
    public long KeysOf(int layer, int kvHead) => ((layer * 2L * _shape.KvHeadCount) + kvHead) * _headElements;

    /// <summary>The element index of a head's values within a page.</summary>
    public long ValuesOf(int layer, int kvHead) => KeysOf(layer, kvHead + _shape.KvHeadCount);

    /// <summary>Writes the key and value of one token and head, rounded unless the arena is exact.</summary>
    public void Append(int page, int slot, int layer, int kvHead, float* key, float* value)
    {
        var size = _shape.HeadSize;
        if (_integers is not null)
        {
            _integers.Append(Page(page), slot, layer, kvHead, key, value);
        }
        else if (_exact)
        {
            var keys = (float*)Page(page) + KeysOf(layer, kvHead);
            var values = (float*)Page(page) + ValuesOf(layer, kvHead) + (slot * size);
            for (var d = 0; d < size; d++)
            {
                keys[(d * Slots) + slot] = key[d];
                values[d] = value[d];
            }
        }
        else
        {
            var keys = (ushort*)Page(page) + KeysOf(layer, kvHead);
            var values = (ushort*)Page(page) + ValuesOf(layer, kvHead) + (slot * size);
            for (var d = 0; d < size; d++)
            {
                keys[(d * Slots) + slot] = BFloat16Bits.FromSingle(key[d]);
                values[d] = BFloat16Bits.FromSingle(value[d]);
            }
        }
    }

    /// <summary>
    /// Widens the keys of 16 slots from <paramref name="slot"/> on into [element][stride]. Slots past a page's last are other memory of the arena,
    /// and the caller overwrites or masks what it gets for them. Of <paramref name="count"/> slots the scales are copied where there are any.
    /// </summary>
    public void GatherKeys(int page, int slot, int count, int layer, int kvHead, float* destination, int stride, float* scales)
    {
        var offset = KeysOf(layer, kvHead) + slot;
        if (_integers is not null)
        {
            _integers.GatherKeys(Page(page), slot, count, layer, kvHead, destination, stride, scales);
        }
        else if (_exact)
        {
            Widening.Rows((float*)Page(page) + offset, Slots, destination, stride, _shape.HeadSize, 1);
        }
        else
        {
            Widening.Rows((ushort*)Page(page) + offset, Slots, destination, stride, _shape.HeadSize, 1);
        }
    }

    /// <summary>Widens the values of <paramref name="count"/> slots into [slot][stride]; a row is written up to a multiple of 16 elements. Scales are copied where there are any.</summary>
    public void GatherValues(int page, int slot, int count, int layer, int kvHead, float* destination, int stride, float* scales)
    {
        var offset = ValuesOf(layer, kvHead) + (slot * _shape.HeadSize);
        var groups = (_shape.HeadSize + 15) / 16;
        if (_integers is not null)
        {
            _integers.GatherValues(Page(page), slot, count, layer, kvHead, destination, stride, scales);
        }
        else if (_exact)
        {
            Widening.Rows((float*)Page(page) + offset, _shape.HeadSize, destination, stride, count, groups);
        }
        else
        {
            Widening.Rows((ushort*)Page(page) + offset, _shape.HeadSize, destination, stride, count, groups);
        }
    }

    /// <summary>Copies keys and values of the first <paramref name="tokens"/> slots over all layers.</summary>
    public void Copy(int source, int destination, int tokens)
    {
        if (_integers is not null)
        {
            _integers.Copy(Page(source), Page(destination), tokens);
        }
        else if (_exact)
        {
            CopySlots((float*)Page(source), (float*)Page(destination), tokens);
        }
        else
        {
            CopySlots((ushort*)Page(source), (ushort*)Page(destination), tokens);
        }
    }

    /// <summary>Copies whole pages to host pages.</summary>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages)
    {
        for (var i = 0; i < pages.Length; i++)
        {
            Buffer.MemoryCopy(Page(pages[i]), HostPage(hostPages[i]), PageStride, PageStride);
        }
    }

    /// <summary>Copies whole host pages to pages.</summary>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages)
    {
        for (var i = 0; i < pages.Length; i++)
        {
            Buffer.MemoryCopy(HostPage(hostPages[i]), Page(pages[i]), PageStride, PageStride);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _host.Dispose();
    }

    private byte* HostPage(int page) => _host.Pointer + (page * PageStride);

    private void CopySlots<T>(T* source, T* destination, int tokens)
        where T : unmanaged
    {
        for (var layer = 0; layer < _shape.KvLayerCount; layer++)
        {
            for (var head = 0; head < _shape.KvHeadCount; head++)
            {
                var keys = KeysOf(layer, head);
                for (var d = 0; d < _shape.HeadSize; d++)
                {
                    var row = keys + (d * Slots);
                    new ReadOnlySpan<T>(source + row, tokens).CopyTo(new Span<T>(destination + row, tokens));
                }

                var values = ValuesOf(layer, head);
                var length = tokens * _shape.HeadSize;
                new ReadOnlySpan<T>(source + values, length).CopyTo(new Span<T>(destination + values, length));
            }
        }
    }
}
