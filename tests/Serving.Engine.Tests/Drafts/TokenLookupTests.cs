using FsCheck;
using FsCheck.Fluent;
using Serving.Engine.Execution.Drafts;

namespace Serving.Engine.Tests.Drafts;

public sealed class TokenLookupTests
{
    [Theory]
    [InlineData(new int[0], 0, 0)]
    [InlineData(new[] { 5 }, 0, 0)]
    [InlineData(new[] { 1, 2, 3 }, 0, 0)]
    [InlineData(new[] { 9, 1, 9 }, 0, 0)] // One equal token is no match.
    [InlineData(new[] { 1, 2, 7, 1, 2 }, 2, 2)]
    [InlineData(new[] { 1, 2, 7, 1, 2, 8, 1, 2 }, 5, 2)] // The newest of equal ones.
    [InlineData(new[] { 0, 1, 2, 7, 1, 2, 8, 0, 1, 2 }, 3, 3)] // The longest before the newest.
    [InlineData(new[] { 4, 4, 4 }, 2, 2)]
    public void Find_IsTheLongestMatchThenTheNewest(int[] tokens, int next, int length) => Assert.Equal((next, length), TokenLookup.Find(tokens));

    [Fact]
    public void Find_BeyondTheWindow_IsNothing()
    {
        var tokens = Enumerable.Range(0, TokenLookup.Window + 10).ToArray();
        (tokens[^2], tokens[^1]) = (3, 4);
        Assert.Equal((0, 0), TokenLookup.Find(tokens));
    }

    /// <summary>A token that is everywhere does not make it look at every place.</summary>
    [Fact]
    public void Find_LastTokenEverywhere_TriesTheNewestPlaces()
    {
        int[] tokens = [1, 7, .. Enumerable.Repeat(new[] { 2, 7 }, TokenLookup.MostPlaces).SelectMany(static pair => pair), 1, 7];
        Assert.Equal((0, 0), TokenLookup.Find(tokens));
    }

    [Fact]
    public void Find_OfAnyTokens_IsWhatAPlainSearchFinds() => Prop.ForAll(Gen.ArrayOf(Gen.Choose(0, 3)).ToArbitrary(), static tokens => TokenLookup.Find(tokens) == Plain(tokens)).Check(Config.QuickThrowOnFailure);

    private static (int Next, int Length) Plain(int[] tokens)
    {
        var best = (Next: 0, Length: TokenLookup.LeastLength - 1);
        var last = tokens.Length - 1;
        var places = Enumerable.Range(0, Math.Max(0, last)).Where(at => tokens[at] == tokens[last]).Reverse().Take(TokenLookup.MostPlaces);
        foreach (var at in places)
        {
            var length = Enumerable.Range(0, Math.Min(at + 1, TokenLookup.MostLength)).TakeWhile(i => tokens[at - i] == tokens[last - i]).Count();
            best = length > best.Length ? (at + 1, length) : best;
        }

        return best.Length >= TokenLookup.LeastLength ? best : (0, 0);
    }
}
