using System.Text.RegularExpressions;

namespace Serving.Engine.Loading.Peft;

/// <summary>
/// A pattern over module names as PEFT uses them: a regular expression of the adapter's author, so hostile. Plain names, which almost all are,
/// are compared without one; the rest run on the non-backtracking engine, in linear time, with bounds on length, repetition and time.
/// </summary>
internal sealed partial class ModulePattern
{
    /// <summary>Longest pattern.</summary>
    public const int MaxLength = 1024;

    private const int MaxRepetition = 1000;
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(100);

    private readonly string _text;
    private readonly Regex? _regex;

    private ModulePattern(string text, Regex? regex)
    {
        _text = text;
        _regex = regex;
    }

    /// <summary>Whether matching needs a regular expression.</summary>
    public bool IsPlain => _regex is null;

    /// <summary>A pattern that matches whole names (<c>re.fullmatch</c>): <c>target_modules</c> given as a string.</summary>
    public static ModulePattern Whole(string text) => new(text, Compile(text, @"\A(?:", @")\z"));

    /// <summary>A pattern that matches a name or its end after a dot (<c>(.*\.)?(pattern)$</c>): keys of rank and alpha patterns.</summary>
    public static ModulePattern Suffix(string text)
    {
        return new ModulePattern(text, PlainName().IsMatch(text) ? null : Compile(text, @"\A(?:.*\.)?(?:", @")\z"));
    }

    /// <summary>Whether the pattern matches a module's name.</summary>
    /// <exception cref="AdapterFormatException">Matching took too long.</exception>
    public bool Matches(string module)
    {
        if (_regex is null)
        {
            return EndsWith(module);
        }

        try
        {
            return _regex.IsMatch(module);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new AdapterFormatException(AdapterFailure.Unsupported, "a module pattern takes too long to match", e);
        }
    }

    /// <summary>A plain name is still a regular expression whose dots match any character.</summary>
    private bool EndsWith(string module)
    {
        var start = module.Length - _text.Length;
        if (start < 0 || (start > 0 && module[start - 1] != '.'))
        {
            return false;
        }

        for (var i = 0; i < _text.Length; i++)
        {
            if (_text[i] != '.' && _text[i] != module[start + i])
            {
                return false;
            }
        }

        return true;
    }

    private static Regex Compile(string text, string before, string after)
    {
        if (text.Length > MaxLength || Repetitions(text) > MaxRepetition)
        {
            throw new AdapterFormatException(AdapterFailure.Unsupported, "a module pattern is too large");
        }

        const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;
        try
        {
            // Parsed alone first, so that a parenthesis of its own cannot close the ones put around it.
            _ = new Regex(text, RegexOptions.CultureInvariant, MatchTimeout);
            return new Regex(before + text + after, Options, MatchTimeout);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new AdapterFormatException(AdapterFailure.Unsupported, "a module pattern is not a regular expression that is supported", e);
        }
    }

    /// <summary>Product of all counted repetitions: how many times the pattern may be unrolled.</summary>
    private static double Repetitions(string text)
    {
        var product = 1.0;
        foreach (Match count in Counts().Matches(text))
        {
            product *= Math.Max(1, double.Parse(count.ValueSpan, System.Globalization.CultureInfo.InvariantCulture));
        }

        return product;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_.]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainName();

    [GeneratedRegex(@"(?<=[{,])[0-9]+(?=[,}])", RegexOptions.CultureInvariant)]
    private static partial Regex Counts();
}
