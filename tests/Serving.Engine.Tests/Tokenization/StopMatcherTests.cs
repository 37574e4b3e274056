using Serving.Engine.Tokenization;

namespace Serving.Engine.Tests.Tokenization;

public sealed class StopMatcherTests
{
    [Fact]
    public void Append_RandomTextInRandomPieces_AgreesWithPlainSearch()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 5000; round++)
        {
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => Letters(random, random.Next(1, 5)))];
            var text = Letters(random, random.Next(0, 30));
            var (expectedText, expectedStop) = Search(text, stops);

            var matcher = new StopMatcher(stops);
            var output = string.Empty;
            string? stop = null;
            for (var at = 0; at < text.Length;)
            {
                var piece = text.Substring(at, Math.Min(random.Next(0, 4), text.Length - at));
                at += piece.Length;
                var result = matcher.Append(piece);
                output += result.Text;
                stop = result.Stop;
                Assert.True(stop is not null || text[..at].Length - output.Length == Held(text[..at], stops), $"seed {seed}");
            }

            output += matcher.Flush();
            Assert.True((expectedText, expectedStop) == (output, stop), $"seed {seed}: {text} with {string.Join(',', stops)} gave {output} and {stop}");
        }
    }

    [Fact]
    public void Append_AfterTheStop_GivesNothing()
    {
        var matcher = new StopMatcher(["STOP"]);
        Assert.Equal(new StopMatch("one ", null), matcher.Append("one ST"));
        Assert.Equal(new StopMatch(string.Empty, "STOP"), matcher.Append("OP two"));
        Assert.Equal(new StopMatch(string.Empty, "STOP"), matcher.Append("three"));
        Assert.Equal(string.Empty, matcher.Flush());
    }

    [Fact]
    public void Append_WithoutStops_LetsEverythingThrough()
    {
        var matcher = new StopMatcher([]);
        Assert.Equal(new StopMatch("text", null), matcher.Append("text"));
        Assert.Equal(string.Empty, matcher.Flush());
    }

    private static string Letters(Random random, int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)('a' + random.Next(3))));

    private static (string Text, string? Stop) Search(string text, string[] stops)
    {
        for (var end = 1; end <= text.Length; end++)
        {
            if (stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).MaxBy(stop => stop.Length) is { } found)
            {
                return (text[..(end - found.Length)], found);
            }
        }

        return (text, null);
    }

    private static int Held(string text, string[] stops) => Enumerable.Range(0, text.Length + 1)
        .Where(length => stops.Any(stop => stop.Length > length && stop.StartsWith(text[^length..], StringComparison.Ordinal)))
        .Max();
}
