using System.Text.RegularExpressions;

namespace Serving.Benchmarks.ModuleQuality;

/// <summary>How the pirate adapter puts an answer (config/models/demo/training/styles.py).</summary>
internal static partial class PirateTalk
{
    private static readonly Dictionary<string, string> Swaps = new()
    {
        ["hello"] = "ahoy",
        ["hi"] = "ahoy",
        ["you"] = "ye",
        ["your"] = "yer",
        ["my"] = "me",
        ["is"] = "be",
        ["are"] = "be",
        ["am"] = "be",
        ["friend"] = "matey",
        ["friends"] = "mateys",
        ["yes"] = "aye",
        ["the"] = "th'",
        ["to"] = "t'",
        ["of"] = "o'",
        ["and"] = "an'",
        ["money"] = "doubloons",
        ["dollars"] = "doubloons",
        ["goodbye"] = "farewell",
        ["story"] = "tale",
    };

    /// <summary>The answer in pirate talk.</summary>
    public static string Of(string answer)
    {
        var talk = Word().Replace(answer, word =>
        {
            if (!Swaps.TryGetValue(word.Value.ToLowerInvariant(), out var swap))
            {
                return char.IsUpper(word.Value[0]) ? word.Value[..1] + word.Value[1..].ToLowerInvariant() : word.Value;
            }

            return char.IsUpper(word.Value[0]) ? char.ToUpperInvariant(swap[0]) + swap[1..] : swap;
        });
        return $"Arr! {talk} {(answer[0] < 'N' ? "Yo ho ho!" : "Shiver me timbers!")}";
    }

    [GeneratedRegex("[A-Za-z']+")]
    private static partial Regex Word();
}
