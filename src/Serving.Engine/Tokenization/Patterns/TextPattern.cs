using System.Text.RegularExpressions;
using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>
/// What a Split or Replace looks for: a literal, or a regular expression in Oniguruma's syntax (see <see cref="PatternTranslator"/>).
/// An expression that backtracks for longer than <see cref="MatchTimeout"/> is reported as a fault of the tokenizer's file.
/// </summary>
internal sealed class TextPattern : TextScanner
{
    /// <summary>How long one match may take; a sound pattern needs microseconds.</summary>
    public static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(2);

    private readonly string? _literal;
    private readonly Regex? _regex;
    private readonly IReadOnlyList<(int First, int Last)> _named;

    private TextPattern(string? literal, Regex? regex, IReadOnlyList<(int First, int Last)> named)
    {
        _literal = literal;
        _regex = regex;
        _named = named;
    }

    /// <summary>Reads <c>{"String": …}</c> or <c>{"Regex": …}</c>; a test may shorten the time that a match may take.</summary>
    public static TextPattern Read(JsonView json, TimeSpan? timeout = null)
    {
        if (json.TryGet("String", out var literal))
        {
            return literal.AsToken() is { Length: > 0 } text ? new TextPattern(text, null, []) : throw literal.Fail("must not be empty");
        }

        var expression = json.Get("Regex");
        var pattern = expression.AsString();
        if (pattern.Length > TokenizerLimits.PatternChars)
        {
            throw expression.Fail($"a regular expression of {pattern.Length} characters is too long");
        }

        try
        {
            var options = RegexOptions.CultureInvariant | RegexOptions.Multiline;
            return new TextPattern(null, new Regex(PatternTranslator.Translate(pattern, out var named), options, timeout ?? MatchTimeout), named);
        }
        catch (Exception e) when (e is ArgumentException or InsufficientExecutionStackException)
        {
            throw new TokenizerFormatException($"the regular expression {pattern} is not supported: {e.Message}", e);
        }
    }

    /// <summary>The literal text that is looked for; null when it is an expression.</summary>
    public string? Literal => _literal;

    /// <inheritdoc/>
    public override ScalarText? Prepare(ReadOnlySpan<char> text) => _regex is null ? null : ScalarText.Of(text, _named);

    /// <inheritdoc/>
    public override int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length)
    {
        length = 0;
        if (_literal is not null)
        {
            length = _literal.Length;
            var index = text[from..].IndexOf(_literal, StringComparison.Ordinal);
            return index < 0 ? -1 : from + index;
        }

        try
        {
            if (prepared is null)
            {
                return First(text, from, out length);
            }

            var start = First(prepared.Folded, prepared.IndexOf(from), out var count);
            length = start < 0 ? 0 : prepared.OffsetOf(start + count) - prepared.OffsetOf(start);
            return start < 0 ? -1 : prepared.OffsetOf(start);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new TokenizerFormatException($"the regular expression {_regex} takes too long", e);
        }
    }

    private int First(ReadOnlySpan<char> text, int from, out int length)
    {
        foreach (var match in _regex!.EnumerateMatches(text, from))
        {
            length = match.Length;
            return match.Index;
        }

        length = 0;
        return -1;
    }
}
