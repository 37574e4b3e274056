using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// The formats of JSON Schema that are kept, as patterns: a string of one of these is one by its specification; not every string of the specification is taken (no leap seconds,
/// no quoted local parts of addresses, no names of hosts with two hyphens in a row or more than six parts, ASCII alone). All other names are annotations and say nothing, as the specification has it.
/// </summary>
internal static class StringFormats
{
    private const string Year = "[0-9]{4}";
    private const string LeapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
    private const string Date = $"(?:{Year}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|{LeapYear}-02-29)";
    private const string Time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    private const string Byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    private const string Ipv4 = $"{Byte}(?:\\.{Byte}){{3}}";
    private const string Label = "[a-zA-Z0-9](?:-?[a-zA-Z0-9]){0,20}";
    private const string Hostname = $"{Label}(?:\\.{Label}){{0,5}}";
    private const string Encoded = "%[0-9a-fA-F]{2}";
    private const string Duration = "P(?:[0-9]{1,9}W|(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)(?:T(?:"
        + OfTime + "))?|T(?:" + OfTime + "))";

    private const string OfTime = "[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S";
    private const string PathCharacter = $"(?:[a-zA-Z0-9._~!$&'()*+,;=:@-]|{Encoded})";
    private const string Authority = $"(?:(?:[a-zA-Z0-9._~!$&'()*+,;=:-]|{Encoded})*@)?(?:{Hostname}|{Ipv4})(?::[0-9]{{1,5}})?";
    private const string Tail = $"(?:\\?(?:{PathCharacter}|[/?])*)?(?:#(?:{PathCharacter}|[/?])*)?";
    private const string Uri = $"[a-zA-Z][a-zA-Z0-9+.-]*:(?://{Authority}(?:/{PathCharacter}*)*|/?(?:{PathCharacter}+(?:/{PathCharacter}*)*)?){Tail}";

    private static readonly Dictionary<string, Lazy<GrammarExpression>> Known = new()
    {
        ["date"] = Of(Date),
        ["time"] = Of(Time),
        ["date-time"] = Of($"{Date}[Tt]{Time}"),
        ["duration"] = Of(Duration),
        ["uuid"] = Of("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        ["email"] = Of($"[a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\\.[a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{Hostname}"),
        ["hostname"] = Of(Hostname),
        ["ipv4"] = Of(Ipv4),
        ["ipv6"] = Of(Ipv6()),
        ["uri"] = Of(Uri),
    };

    /// <summary>The texts of a format; null if it is not kept.</summary>
    public static GrammarExpression? Find(string format) => Known.TryGetValue(format, out var pattern) ? pattern.Value : null;

    private static Lazy<GrammarExpression> Of(string pattern) => new(() => PatternReader.ReadWhole(pattern, "format"));

    // Eight groups of 16 bits, the last two also as an IPv4 address, one run of groups left out where there is a double colon (RFC 4291).
    private static string Ipv6()
    {
        const string Group = "[0-9a-fA-F]{1,4}";
        const string Last = $"(?:{Group}:{Group}|{Ipv4})";
        var options = new List<string> { $"(?:{Group}:){{6}}{Last}" };
        for (var before = 0; before <= 7; before++)
        {
            var head = before == 0 ? "::" : $"{Group}(?::{Group}){{{before - 1}}}::";
            var room = 7 - before;
            options.Add(head);
            if (room >= 1)
            {
                options.Add($"{head}(?:{Group}:){{0,{room - 1}}}{Group}");
            }

            if (room >= 2)
            {
                options.Add($"{head}(?:{Group}:){{0,{room - 2}}}{Ipv4}");
            }
        }

        return string.Join('|', options);
    }
}
