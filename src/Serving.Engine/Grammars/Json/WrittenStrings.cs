using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Json;

/// <summary>
/// Strings as they are written in JSON. What a schema says of a string is said of what it means, and is carried over to how it is written:
/// every character has one way or a few, and no two characters share one, so that products of sets stay what they were.
/// </summary>
public static class WrittenStrings
{
    private const string ShortEscapes = "\"\\\b\f\n\r\t";
    private const string ShortLetters = "\"\\bfnrt";

    private static readonly CharacterSet Plain = CharacterSet.Of((' ', CharacterSet.Highest)).Except(CharacterSet.OfCharacters('"', '\\'));

    private static readonly GrammarExpression Hex = Express.Range("09afAF");

    /// <summary>Any character in any way to write it: by four hexadecimal digits too, and in pairs of surrogates.</summary>
    public static GrammarExpression AnyCharacter { get; } = Express.Choice(
        Express.Character(Plain),
        Express.Concat(Express.Text("\\"), Express.Choice(
            Express.Character(CharacterSet.OfCharacters('"', '\\', '/', 'b', 'f', 'n', 'r', 't')),
            Express.Concat(Express.Text("u"), Express.Choice(
                Express.Concat(Express.Range("09acefACEF"), Hex, Hex, Hex),
                Express.Concat(Express.Range("ddDD"), Express.Choice(
                    Express.Concat(Express.Range("07"), Hex, Hex),
                    Express.Concat(Express.Range("89abAB"), Hex, Hex, Express.Text("\\u"), Express.Range("ddDD"), Express.Range("cfCF"), Hex, Hex))))))));

    /// <summary>How texts of a set are written, without the quotes: quotation mark, backslash and controls by escapes, all else as it is.</summary>
    /// <param name="meant">What the string means; without rules.</param>
    public static GrammarExpression Written(GrammarExpression meant) => Written(meant, static rule => throw new InvalidOperationException($"Rule {rule.Rule} has no place in a string."));

    /// <summary>The same for a set that names rules.</summary>
    /// <param name="meant">What the string means.</param>
    /// <param name="rules">The rule of how the texts of a rule are written.</param>
    public static GrammarExpression Written(GrammarExpression meant, Func<RuleExpression, RuleExpression> rules) => meant switch
    {
        RuleExpression rule => rules(rule),
        LiteralExpression literal => Express.Concat([.. literal.Text.EnumerateRunes().Select(rune => OfSet(CharacterSet.OfCharacters(rune.Value)))]),
        CharacterExpression character => OfSet(character.Set),
        SequenceExpression sequence => Express.Concat([.. sequence.Parts.Select(part => Written(part, rules))]),
        ChoiceExpression choice => Express.Choice([.. choice.Options.Select(option => Written(option, rules))]),
        RepeatExpression repeat => Express.Repeat(Written(repeat.Inner, rules), repeat.Least, repeat.Most),
        BothExpression both => new BothExpression(Written(both.First), Written(both.Second)),
        ExceptExpression except => new ExceptExpression(Written(except.From), Written(except.Without)),
        _ => throw new InvalidOperationException($"{meant.GetType().Name} has no place in a string."),
    };

    /// <summary>A string with its quotes.</summary>
    /// <param name="written">What is between them, as it is written.</param>
    public static GrammarExpression Quoted(GrammarExpression written) => Express.Concat(Express.Text("\""), written, Express.Text("\""));

    /// <summary>One string with its quotes.</summary>
    /// <param name="meant">What it means.</param>
    public static string Quote(string meant) => $"\"{Written(meant)}\"";

    private static string Written(string meant)
    {
        var result = new StringBuilder();
        foreach (var character in meant)
        {
            var escape = ShortEscapes.IndexOf(character, StringComparison.Ordinal);
            _ = escape >= 0 ? result.Append('\\').Append(ShortLetters[escape])
                : character < ' ' ? result.Append("\\u00").Append(((int)character).ToString("x2", System.Globalization.CultureInfo.InvariantCulture))
                : result.Append(character);
        }

        return result.ToString();
    }

    private static GrammarExpression OfSet(CharacterSet set)
    {
        int[] letters = [.. ShortEscapes.Zip(ShortLetters).Where(pair => set.Contains(pair.First)).Select(pair => (int)pair.Second)];
        int[] controls = [.. Enumerable.Range(0, ' ').Where(code => set.Contains(code) && !ShortEscapes.Contains((char)code, StringComparison.Ordinal))];
        return Express.Choice(Express.Character(set.Intersect(Plain)), Express.Concat(Express.Text("\\"), Express.Choice(
            Express.Character(CharacterSet.OfCharacters(letters)),
            Express.Concat(Express.Text("u00"), Express.Choice(OfControls('0', controls), OfControls('1', controls))))));
    }

    private static GrammarExpression OfControls(char tens, int[] controls)
    {
        var digits = controls.Where(code => code / 16 == tens - '0').Select(code => (code % 16).ToString("x", System.Globalization.CultureInfo.InvariantCulture));
        return Express.Concat(Express.Text(tens.ToString()), Express.Character(CharacterSet.OfCharacters(
            [.. digits.SelectMany(digit => new[] { (int)digit[0], char.ToUpperInvariant(digit[0]) })])));
    }
}
