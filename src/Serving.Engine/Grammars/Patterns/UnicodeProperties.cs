using System.Globalization;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>The properties of characters that the runtime can tell: general categories, by the names of ECMA-262 (PropertyValueAliases.txt).</summary>
internal static class UnicodeProperties
{
    private static readonly Lazy<CharacterSet[]> Categories = new(Classify);

    private static readonly Dictionary<string, UnicodeCategory[]> Names = NamedCategories();

    /// <summary>The characters of a property; null if it is not known.</summary>
    /// <param name="name">What stands between the braces: <c>Lu</c>, <c>General_Category=Letter</c>, <c>Any</c>.</param>
    public static CharacterSet? Find(string name)
    {
        var value = name.StartsWith("General_Category=", StringComparison.Ordinal) || name.StartsWith("gc=", StringComparison.Ordinal) ? name[(name.IndexOf('=', StringComparison.Ordinal) + 1)..] : name;
        if (Names.TryGetValue(value, out var categories))
        {
            return categories.Aggregate(CharacterSet.None, (set, category) => set.Union(Categories.Value[(int)category]));
        }

        return name switch
        {
            "Any" => CharacterSet.All,
            "ASCII" => CharacterSet.Of((0, 0x7F)),
            "Assigned" => Categories.Value[(int)UnicodeCategory.OtherNotAssigned].Complement(),
            _ => null,
        };
    }

    private static CharacterSet[] Classify()
    {
        var ranges = new List<(int First, int Last)>[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var i = 0; i < ranges.Length; i++)
        {
            ranges[i] = [];
        }

        for (var first = 0; first <= CharacterSet.Highest;)
        {
            var category = CharUnicodeInfo.GetUnicodeCategory(first);
            var next = first + 1;
            while (next <= CharacterSet.Highest && CharUnicodeInfo.GetUnicodeCategory(next) == category)
            {
                next++;
            }

            ranges[(int)category].Add((first, next - 1));
            first = next;
        }

        return [.. ranges.Select(list => CharacterSet.Of([.. list]))];
    }

    private static Dictionary<string, UnicodeCategory[]> NamedCategories()
    {
        (string Names, UnicodeCategory Category)[] single =
        [
            ("Lu Uppercase_Letter", UnicodeCategory.UppercaseLetter), ("Ll Lowercase_Letter", UnicodeCategory.LowercaseLetter),
            ("Lt Titlecase_Letter", UnicodeCategory.TitlecaseLetter), ("Lm Modifier_Letter", UnicodeCategory.ModifierLetter),
            ("Lo Other_Letter", UnicodeCategory.OtherLetter), ("Mn Nonspacing_Mark", UnicodeCategory.NonSpacingMark),
            ("Mc Spacing_Mark", UnicodeCategory.SpacingCombiningMark), ("Me Enclosing_Mark", UnicodeCategory.EnclosingMark),
            ("Nd Decimal_Number digit", UnicodeCategory.DecimalDigitNumber), ("Nl Letter_Number", UnicodeCategory.LetterNumber),
            ("No Other_Number", UnicodeCategory.OtherNumber), ("Pc Connector_Punctuation", UnicodeCategory.ConnectorPunctuation),
            ("Pd Dash_Punctuation", UnicodeCategory.DashPunctuation), ("Ps Open_Punctuation", UnicodeCategory.OpenPunctuation),
            ("Pe Close_Punctuation", UnicodeCategory.ClosePunctuation), ("Pi Initial_Punctuation", UnicodeCategory.InitialQuotePunctuation),
            ("Pf Final_Punctuation", UnicodeCategory.FinalQuotePunctuation), ("Po Other_Punctuation", UnicodeCategory.OtherPunctuation),
            ("Sm Math_Symbol", UnicodeCategory.MathSymbol), ("Sc Currency_Symbol", UnicodeCategory.CurrencySymbol),
            ("Sk Modifier_Symbol", UnicodeCategory.ModifierSymbol), ("So Other_Symbol", UnicodeCategory.OtherSymbol),
            ("Zs Space_Separator", UnicodeCategory.SpaceSeparator), ("Zl Line_Separator", UnicodeCategory.LineSeparator),
            ("Zp Paragraph_Separator", UnicodeCategory.ParagraphSeparator), ("Cc Control cntrl", UnicodeCategory.Control),
            ("Cf Format", UnicodeCategory.Format), ("Cs Surrogate", UnicodeCategory.Surrogate),
            ("Co Private_Use", UnicodeCategory.PrivateUse), ("Cn Unassigned", UnicodeCategory.OtherNotAssigned),
        ];
        (string Names, string Members)[] groups =
        [
            ("L Letter", "Lu Ll Lt Lm Lo"), ("LC Cased_Letter", "Lu Ll Lt"), ("M Mark Combining_Mark", "Mn Mc Me"), ("N Number", "Nd Nl No"),
            ("P Punctuation punct", "Pc Pd Ps Pe Pi Pf Po"), ("S Symbol", "Sm Sc Sk So"), ("Z Separator", "Zs Zl Zp"), ("C Other", "Cc Cf Cs Co Cn"),
        ];
        var result = new Dictionary<string, UnicodeCategory[]>();
        foreach (var (names, category) in single)
        {
            Array.ForEach(names.Split(' '), name => result[name] = [category]);
        }

        foreach (var (names, members) in groups)
        {
            UnicodeCategory[] categories = [.. members.Split(' ').Select(member => result[member][0])];
            Array.ForEach(names.Split(' '), name => result[name] = categories);
        }

        return result;
    }
}
