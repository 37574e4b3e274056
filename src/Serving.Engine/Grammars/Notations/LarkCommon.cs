using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>The terminals that Lark's grammars import from <c>common</c>.</summary>
internal static class LarkCommon
{
    private const string Int = "[0-9]+";
    private const string Decimal = @"([0-9]+\.[0-9]*|\.[0-9]+)";
    private const string Float = $"({Int}[eE][+-]?{Int}|{Decimal}([eE][+-]?{Int})?)";

    private static readonly Dictionary<string, string> Patterns = new(StringComparer.Ordinal)
    {
        ["DIGIT"] = "[0-9]",
        ["HEXDIGIT"] = "[0-9a-fA-F]",
        ["INT"] = Int,
        ["SIGNED_INT"] = $"[+-]?{Int}",
        ["DECIMAL"] = Decimal,
        ["FLOAT"] = Float,
        ["SIGNED_FLOAT"] = $"[+-]?{Float}",
        ["NUMBER"] = $"({Float}|{Int})",
        ["SIGNED_NUMBER"] = $"[+-]?({Float}|{Int})",
        ["ESCAPED_STRING"] = """
            "([^"\\\n]|\\[^\n])*"
            """,
        ["LCASE_LETTER"] = "[a-z]",
        ["UCASE_LETTER"] = "[A-Z]",
        ["LETTER"] = "[A-Za-z]",
        ["WORD"] = "[A-Za-z]+",
        ["CNAME"] = "[A-Za-z_][A-Za-z_0-9]*",
        ["WS_INLINE"] = @"[ \t]+",
        ["WS"] = @"[ \t\f\r\n]+",
        ["CR"] = @"\r",
        ["LF"] = @"\n",
        ["NEWLINE"] = @"(\r?\n)+",
        ["SH_COMMENT"] = @"#[^\n]*",
        ["CPP_COMMENT"] = @"//[^\n]*",
        ["C_COMMENT"] = @"/\*([^*]|\*+[^*/])*\*+/",
        ["SQL_COMMENT"] = @"--[^\n]*",
    };

    /// <summary>A terminal by its name; null where there is none.</summary>
    public static GrammarExpression? Find(string name) => Patterns.TryGetValue(name, out var pattern) ? PatternReader.ReadWhole(pattern, name) : null;
}
