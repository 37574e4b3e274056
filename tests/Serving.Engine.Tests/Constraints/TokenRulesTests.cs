using Serving.Engine.Execution.Constraints;

namespace Serving.Engine.Tests.Constraints;

/// <summary>The rules on token ids against their definition, written plainly, for drawn rules and answers.</summary>
public sealed class TokenRulesTests
{
    [Fact]
    public void Restrict_DrawnRulesAndAnswers_LeavesWhatTheDefinitionLeaves()
    {
        const int Seed = 20;
        var random = new Random(Seed);
        for (var round = 0; round < 3000; round++)
        {
            var size = random.Next(1, 70);
            var minTokens = random.Next(0, 4);
            var ends = Draw(random, size, random.Next(0, 3));
            var words = Enumerable.Range(0, random.Next(0, 4)).Select(_ => Draw(random, Math.Min(size, 3), random.Next(1, 4))).ToList();
            var allowed = random.Next(3) == 0 ? Draw(random, size, random.Next(1, 5)) : null;
            var answer = Draw(random, Math.Min(size, 3), random.Next(0, 6));
            var before = Enumerable.Range(0, size).Where(_ => random.Next(4) > 0).ToHashSet();
            var rules = new TokenRules(size, minTokens, ends, words, allowed);
            var mask = new uint[rules.MaskWords];
            foreach (var token in before)
            {
                mask[token >> 5] |= 1u << token;
            }

            var any = rules.Restrict(answer, mask);

            var ruledOut = Enumerable.Range(0, size).Where(token => IsRuledOut(token, answer, minTokens, ends, words, allowed)).ToHashSet();
            var left = before.Except(ruledOut).Order().ToList();
            Assert.True(left.SequenceEqual(Tokens(mask)), $"seed={Seed} round={round}");
            Assert.Equal(left.Count > 0, any);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    public void Fill_AnyVocabulary_HasItsTokensAndNoOthers(int size)
    {
        var rules = new TokenRules(size, 0, [], [], null);
        var mask = new uint[rules.MaskWords];
        rules.Fill(mask);
        Assert.Equal(Enumerable.Range(0, size), Tokens(mask));
    }

    private static bool IsRuledOut(int token, int[] answer, int minTokens, int[] ends, List<int[]> words, int[]? allowed)
    {
        int[] longer = [.. answer, token];
        return (allowed is not null && !allowed.Contains(token))
            || (longer.Length <= minTokens && ends.Contains(token))
            || words.Any(word => longer.Length >= word.Length && longer[^word.Length..].SequenceEqual(word));
    }

    private static int[] Draw(Random random, int below, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(below))];

    private static IEnumerable<int> Tokens(uint[] mask) => Enumerable.Range(0, mask.Length * 32).Where(token => (mask[token >> 5] >> token & 1) != 0);
}
