using System.Text;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Random texts of the kinds that tokenizers stumble over.</summary>
internal static class RandomTexts
{
    private static readonly string[] Fragments =
    [
        "a", "b", "c", "d", "e", "the", "The", "THE", "ing", "s", "t", "ab", "bc", "abc", "hello", "It's", "we'LL", "don't", "'s", "'",
        "0", "1", "12", "345", "6789", "3.14", ".", ",", "!", "?", "!!!", "...", "(", ")", "[", "]", "{", "}", "<", ">", "<|", "|>", "#", "$", "%", "_", "-", "+=",
        " ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\t\t", " \n ", "\u00A0", "\u3000", "\u2028",
        "é", "e\u0301", "ü", "o\u0308\u0323", "ñ", "Å", "\u212B", "ß", "ﬁ", "ç", "İ", "Ω", "\u0301",
        "日", "本", "語", "漢字", "ひらがな", "カタカナ", "한국어", "\u1112\u1161\u11AB", "中", "文",
        "🙂", "👩‍👩‍👧", "🇫🇷", "👍🏽", "\U00010400", "\U0001D400", "\U00020000", "\U0001F600\U0001F600",
        "русский", "العربية", "עברית", "हिन्दी", "ไทย", "\u0000", "\u0007", "▁", "Ġ", "\uFFFD", "€", "™", "–", "“", "”", "«",
    ];

    /// <summary>A text of up to so many fragments, some repeated into runs.</summary>
    public static string Next(Random random, int mostFragments, IReadOnlyList<string>? more = null)
    {
        var text = new StringBuilder();
        for (var count = random.Next(mostFragments + 1); count > 0; count--)
        {
            var fragment = more is not null && random.Next(8) == 0 ? more[random.Next(more.Count)] : Fragments[random.Next(Fragments.Length)];
            for (var repeat = random.Next(12) == 0 ? random.Next(2, 9) : 1; repeat > 0; repeat--)
            {
                text.Append(fragment);
            }
        }

        return text.ToString();
    }

    /// <summary>Every character that the fragments are made of.</summary>
    public static IEnumerable<string> Characters { get; } = [.. Fragments.SelectMany(text => text.EnumerateRunes()).Select(rune => rune.ToString()).Distinct()];
}
