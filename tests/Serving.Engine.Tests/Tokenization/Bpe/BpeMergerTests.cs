using Serving.Engine.Tokenization.Bpe;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tests.Tokenization.Bpe;

public sealed class BpeMergerTests
{
    [Fact]
    public void Merge_RandomRulesAndWords_AgreesWithThePlainAlgorithm()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            var (rules, table) = Rules(random);
            var merger = new BpeMerger(table);
            for (var words = 0; words < 10; words++)
            {
                List<int> word = [.. Enumerable.Range(0, random.Next(random.Next(4) == 0 ? 150 : 45)).Select(_ => random.Next(3))];
                merger.Clear();
                word.ForEach(merger.Add);
                var output = new IdBuffer();
                merger.Merge(output);
                var expected = Plain(word, rules);
                Assert.True(expected.SequenceEqual(output.ToArray()), $"seed {seed}: {string.Join(' ', word)}");
            }
        }
    }

    [Fact]
    public void Merge_AMillionEqualSymbols_MergesThemAll()
    {
        // Token k is a run of 2^k; a million and some is a sum of such runs.
        var table = new MergeTable([.. Enumerable.Range(0, 20).Select(k => (k, k, k + 1))]);
        var merger = new BpeMerger(table);
        for (var i = 0; i < (1 << 20) + 5; i++)
        {
            merger.Add(0);
        }

        var output = new IdBuffer();
        merger.Merge(output);
        Assert.Equal([20, 2, 0], output.ToArray());
    }

    /// <summary>Symbols 0 to 2 are letters; each rule makes a new symbol of two known ones.</summary>
    private static (List<(int Left, int Right, int Result)> Rules, MergeTable Table) Rules(Random random)
    {
        List<(int, int, int)> rules = [];
        var pairs = new HashSet<(int, int)>();
        for (var attempts = random.Next(40); attempts > 0; attempts--)
        {
            var (left, right) = (random.Next(3 + rules.Count), random.Next(3 + rules.Count));
            if (pairs.Add((left, right)))
            {
                rules.Add((left, right, 3 + rules.Count));
            }
        }

        // The order of learning and the rank are different things in a hostile file.
        var ranked = rules.ToArray();
        random.Shuffle(ranked);
        return ([.. ranked], new MergeTable(ranked));
    }

    private static List<int> Plain(List<int> word, List<(int Left, int Right, int Result)> rules)
    {
        List<int> symbols = [.. word];
        while (true)
        {
            var rank = rules.FindIndex(rule => symbols.Zip(symbols.Skip(1)).Contains((rule.Left, rule.Right)));
            if (rank < 0)
            {
                return symbols;
            }

            var at = Enumerable.Range(0, symbols.Count - 1).First(i => (symbols[i], symbols[i + 1]) == (rules[rank].Left, rules[rank].Right));
            symbols[at] = rules[rank].Result;
            symbols.RemoveAt(at + 1);
        }
    }
}
