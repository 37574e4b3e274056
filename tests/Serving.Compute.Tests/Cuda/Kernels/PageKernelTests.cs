using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Page tables made flat, page copies, keys moved to other positions.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class PageKernelTests
{
    private const int Slots = ModelShape.PageTokens;

    /// <summary>Tables with pages of any valid length, more entries than a block has threads, and sequences without any.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void TokenSlots_PartlyFilledPages_FollowTheOrdinals(int blocks)
    {
        using var session = new KernelSession();
        var random = new Random(blocks);
        var sequences = new List<StepSequence>();
        var entries = new List<StepPage>();
        foreach (var count in new[] { 1, 0, 300, 17, 256, 2 })
        {
            sequences.Add(new StepSequence { FirstEntry = entries.Count, EntryCount = count });
            entries.AddRange(Enumerable.Range(0, count).Select(_ => new StepPage { Page = random.Next(10_000), ValidLength = random.Next(3) == 0 ? random.Next(1, 16) : 16 }));
        }

        var parameters = new TokenSlotsParameters
        {
            Sequences = session.Upload<StepSequence>([.. sequences]),
            Entries = session.Upload<StepPage>([.. entries]),
            TokenSlots = session.Upload<int>(new int[Slots * entries.Count]),
            SequenceCount = session.Upload(sequences.Count),
        };
        session.Launch("srv_token_slots", new CudaGrid(blocks), 256, 64, parameters);
        var slots = session.Download<int>(parameters.TokenSlots, Slots * entries.Count);
        foreach (var sequence in sequences)
        {
            var expected = entries.Skip(sequence.FirstEntry).Take(sequence.EntryCount)
                .SelectMany(entry => Enumerable.Range(entry.Page * Slots, entry.ValidLength)).ToArray();
            Assert.Equal(expected, slots.AsSpan(sequence.FirstEntry * Slots, expected.Length).ToArray());
        }
    }

    /// <summary>The first slots of every head of every layer, copy after copy, and nothing else.</summary>
    [Theory]
    [InlineData(16, 2, 3, 5)]
    [InlineData(18, 1, 2, 2)]
    [InlineData(64, 3, 2, 16)]
    [InlineData(16, 2, 3, 5, true)]
    [InlineData(18, 1, 2, 3, true)]
    public void CopyPages_FirstSlots_AreTheSources(int headSize, int kvHeads, int layers, int tokens, bool integers = false)
    {
        using var session = new KernelSession();
        var shape = new ModelShape(64, 64, layers, kvHeads, kvHeads, headSize, 64) { KeyValues = integers ? KeyValueFormat.Int8 : KeyValueFormat.BFloat16 };
        var pageElements = (int)shape.PageBytes / sizeof(ushort);
        var pages = Enumerable.Range(0, 4 * pageElements).Select(i => (ushort)i).ToArray();
        StepPageCopy[] copies =
        [
            new() { Source = 2, Destination = 0, Tokens = tokens },
            new() { Source = 0, Destination = 3, Tokens = 16 },
        ];
        var parameters = new CopyPagesParameters
        {
            Pages = session.Upload<ushort>(pages),
            PageBytes = (ulong)shape.PageBytes,
            Copies = session.Upload<StepPageCopy>(copies),
            CopyCount = session.Upload(copies.Length),
            LayerCount = layers,
            KvHeadCount = kvHeads,
            HeadSize = headSize,
        };
        session.Launch(integers ? "srv_copy_pages_int8" : "srv_copy_pages", new CudaGrid(2), 256, 0, parameters);
        // Of integers a slot is half of that many words, and behind a head's slots are the two words of each one's scale.
        var (slotWords, scaleWords) = integers ? (headSize / 2, 2) : (headSize, 0);
        foreach (var copy in copies)
        {
            for (var slot = 0; slot < layers * 2 * kvHeads * Slots; slot++)
            {
                if (slot % Slots < copy.Tokens)
                {
                    var block = slot / Slots * Slots * (slotWords + scaleWords);
                    Copy(copy, block + (slot % Slots * slotWords), slotWords);
                    Copy(copy, block + (Slots * slotWords) + (slot % Slots * scaleWords), scaleWords);
                }
            }
        }

        Assert.Equal(pages, session.Download<ushort>(parameters.Pages, pages.Length));

        void Copy(StepPageCopy copy, int at, int words) =>
            pages.AsSpan((copy.Source * pageElements) + at, words).CopyTo(pages.AsSpan((copy.Destination * pageElements) + at));
    }

    /// <summary>A key turned by 3 and then by 8 (or −3) is the key turned by 11 (or 0); values are copied.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(-3)]
    [InlineData(0)]
    public void RotatePages_AnyDistance_MovesTheKeys(int distance)
    {
        using var session = new KernelSession();
        const int HeadSize = 16, KvHeads = 2, Layers = 2, Tokens = 11, Pairs = 8;
        var shape = new ModelShape(64, 64, Layers, KvHeads, KvHeads, HeadSize, 64);
        var rope = RopeTable.Create(16, [.. Enumerable.Range(0, Pairs).Select(i => 1.0 / (i + 1))]);
        var elements = (int)shape.PageBytes / sizeof(ushort);
        var random = new Random(5);
        var pages = Enumerable.Range(0, 2 * elements).Select(_ => BFloat16Bits.FromSingle((float)random.NextDouble() - 0.5f)).ToArray();
        var parameters = new RotatePagesParameters
        {
            Pages = session.Upload<ushort>(pages),
            PageBytes = (ulong)shape.PageBytes,
            Rotations = session.Upload(new PageRotation { Source = 1, Destination = 0, Tokens = Tokens, Positions = distance }),
            RotationCount = session.Upload(1),
            Cosines = session.Upload<float>(rope.Cosines),
            Sines = session.Upload<float>(rope.Sines),
            LayerCount = Layers,
            KvHeadCount = KvHeads,
            HeadSize = HeadSize,
            PairCount = Pairs,
        };
        session.Launch("srv_rotate_pages", new CudaGrid(3), 256, 0, parameters);
        var moved = session.Download<ushort>(parameters.Pages, pages.Length);
        for (var head = 0; head < Layers * 2 * KvHeads; head++)
        {
            for (var slot = 0; slot < Slots; slot++)
            {
                var at = ((head * Slots) + slot) * HeadSize;
                var source = pages.AsSpan(elements + at, HeadSize).ToArray();
                var actual = moved.AsSpan(at, HeadSize).ToArray();
                if (slot >= Tokens)
                {
                    Assert.Equal(pages.AsSpan(at, HeadSize).ToArray(), actual);
                }
                else if (head / KvHeads % 2 == 1)
                {
                    Assert.Equal(source, actual);
                }
                else
                {
                    AssertTurned(source.ToSingles(), rope, distance, actual);
                }
            }
        }
    }

    private static void AssertTurned(float[] key, RopeTable rope, int distance, ushort[] actual)
    {
        // From a key at position 3 back to position 0 is where turning the key at position 0 by 3 came from.
        var expected = distance >= 0
            ? ReferenceOps.Rotate(key.Row(0, key.Length), rope, distance)
            : ReferenceOps.Rotate(key.Row(0, key.Length), rope with { Sines = [.. rope.Sines.Select(sine => -sine)] }, -distance);
        for (var i = 0; i < key.Length; i++)
        {
            Values.AssertRounded(expected[i], actual[i], $"element {i}");
        }
    }
}
