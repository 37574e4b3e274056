using Serving.Core.Memory;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Tests.Grammars.Masks;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Constraints;

public class ConstraintCacheTests
{
    private static readonly TokenVocabulary Vocabulary = new(RandomTokenizers.Letters("abcdefgh"), 11, [0]);

    [Fact]
    public void Add_BeyondTheCapacity_LetsGoOfThoseUsedLongestAgo()
    {
        var one = Masks().Bytes;
        var cache = new ConstraintCache((3 * one) + 100);
        var all = Enumerable.Range(0, 5).Select(i => (Key: KeyOf(i), Masks: Masks())).ToArray();
        foreach (var (key, masks) in all)
        {
            Assert.Same(masks, cache.Add(key, masks));
            Assert.Same(all[0].Masks, cache.Find(all[0].Key));
        }

        Assert.Equal([true, false, false, true, true], all.Select(entry => cache.Find(entry.Key) is not null));
        Assert.Equal((3, 3 * one), cache.Size);
        Assert.Same(all[0].Masks, cache.Add(all[0].Key, Masks()));
    }

    /// <summary>Constraints grow while they are used, long after the last one was compiled.</summary>
    [Fact]
    public void Find_OfConstraintsThatGrow_KeepsTheCapacity()
    {
        var capacity = 12 * Masks().Bytes;
        var cache = new ConstraintCache(capacity);
        var all = Enumerable.Range(0, 10).Select(i => (Key: KeyOf(i), Masks: Masks())).ToArray();
        foreach (var (key, masks) in all)
        {
            cache.Add(key, masks);
        }

        foreach (var (_, masks) in all)
        {
            Use(masks);
        }

        Assert.True(cache.Size.Bytes > capacity);
        for (var i = 0; i < 100; i++)
        {
            cache.Find(all[9].Key);
        }

        Assert.InRange(cache.Size.Bytes, all[9].Masks.Bytes, capacity);
        Assert.Same(all[9].Masks, cache.Find(all[9].Key));
        Assert.Null(cache.Find(all[0].Key));
    }

    private static GrammarMasks Masks() => new(CompiledGrammar.Compile(new Grammar(Many(One(('a', 'h')), least: 60, most: 60), [])), Vocabulary);

    private static void Use(GrammarMasks masks)
    {
        var matcher = new TokenMatcher(masks);
        while (matcher.CanContinue)
        {
            Assert.Equal(MaskOutcome.Filled, matcher.Fill(new uint[matcher.MaskWords]));
            Assert.True(matcher.Advance(1));
        }
    }

    private static Digest KeyOf(int number)
    {
        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        bytes.Clear();
        bytes[0] = (byte)(number + 1);
        return new Digest(bytes);
    }
}
