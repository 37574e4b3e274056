using static Serving.Engine.Tests.Grammars.Notations.Notation;

namespace Serving.Engine.Tests.Grammars.Notations;

public sealed class LarkReaderTests
{
    [Fact]
    public void Grammar_WithIgnoredSpace_TakesItBetweenTerminalsAndNotInThem() => Check(
        """
        // Arithmetic, as Lark's users write it.
        ?start: sum
              | NAME "=" sum    -> assign_var

        ?sum: product
            | sum "+" product   -> add
            | sum "-" product   -> sub

        ?product: atom
            | product "*" atom  -> mul

        ?atom: NUMBER           -> number
             | "-" atom         -> neg
             | NAME             -> var
             | "(" sum ")"

        %import common.CNAME -> NAME
        %import common.NUMBER
        %import common (WS_INLINE, NEWLINE)
        %ignore WS_INLINE
        %ignore NEWLINE
        """,
        ["1", "  x = 1 + 2*(a_b - 3.5e-2)\n", "- -4 * y2", "(1)"],
        ["", "x =", "1 2", "a b", "3. 5", "x == 1", "(1"]);

    [Theory]
    [InlineData("start: \"a\"*", "", "aaa", "b")]
    [InlineData("start: \"a\"+ \"b\"?", "a", "aab", "b")]
    [InlineData("start: [\"a\"] \"b\"", "b", "ab", "a")]
    [InlineData("start: \"a\" ~ 2", "aa", "aa", "aaa")]
    [InlineData("start: \"a\" ~ 1..3", "a", "aaa", "aaaa")]
    [InlineData("start: \"a\"..\"f\" A\nA: \"0\" .. \"9\"", "b7", "f0", "g0")]
    [InlineData("start: \"Select\"i", "SELECT", "select", "selec")]
    [InlineData("start: /[a-c]+\\d/i", "aBC1", "b0", "d1")]
    [InlineData("start: /a.b/s", "a\nb", "axb", "ab")]
    [InlineData("start: /a\\/b\\.c/", "a/b.c", "a/b.c", "a/bxc")]
    [InlineData("// name ::= no rule\nstart: \"x\" \"::=\" \"y\" // root ::= x", "x::=y", "x::=y", "xy")]
    [InlineData("start: !x | ?y", "", "", "z")]
    [InlineData("!start: x\n?x.2: Y // a comment\nY.-1: \"y\" # another", "y", "y", "x")]
    [InlineData("start: (\"a\" | \"b\" -> two\n | \"c\")+", "abc", "c", "d")]
    [InlineData("start: \"\\\"\\u20ac\\n\"", "\"\u20ac\n", "\"\u20ac\n", "\"")]
    [InlineData("start: \"x\" %json {\"type\": \"array\", \"items\": {\"enum\": [1, \"é\"]}, \"maxItems\": 2} \"y\"", "x[]y", "x[1, \"é\"]y", "x[2]y")]
    public void Notation_OfEachKind_MeansWhatItSays(string grammar, string accepted, string alsoAccepted, string refused)
    {
        if (grammar.Contains('!') && grammar.Contains('|'))
        {
            Refused(grammar); // Marks stand before what is defined, and nowhere else.
            return;
        }

        Check(grammar, [accepted, alsoAccepted], [refused]);
    }

    [Theory]
    [InlineData("INT", "042", "x")]
    [InlineData("SIGNED_INT", "-7", "7.0")]
    [InlineData("DECIMAL", ".5", "5")]
    [InlineData("FLOAT", "1e5", "1")]
    [InlineData("SIGNED_FLOAT", "+1.5E-3", "1")]
    [InlineData("SIGNED_NUMBER", "-12", "--1")]
    [InlineData("HEXDIGIT", "F", "g")]
    [InlineData("ESCAPED_STRING", "\"a\\\"b\\\\\"", "\"a\"b\"")]
    [InlineData("WORD", "Abc", "a1")]
    [InlineData("LETTER", "q", "1")]
    [InlineData("LCASE_LETTER", "q", "Q")]
    [InlineData("UCASE_LETTER", "Q", "q")]
    [InlineData("DIGIT", "3", "33")]
    [InlineData("WS", "\r\n\t ", "x")]
    [InlineData("CR", "\r", "\n")]
    [InlineData("LF", "\n", "\r")]
    [InlineData("SH_COMMENT", "# x", "x")]
    [InlineData("CPP_COMMENT", "// x", "/ x")]
    [InlineData("C_COMMENT", "/* a\n ** b */", "/* a */ b */")]
    [InlineData("SQL_COMMENT", "-- x", "- x")]
    public void Terminal_OfTheCommonOnes_IsLarks(string name, string accepted, string refused) => Check($"start: {name}\n%import common.{name}", [accepted], [refused]);

    [Theory]
    [InlineData("start: \"a\n\"", "line 1, column 10", "does not end")]
    [InlineData("start: /a", "line 1, column 10", "does not end")]
    [InlineData("start: /(/", "line 1, column 8", "malformed")]
    [InlineData("start: (\"a\"", "line 1, column 12", "not closed")]
    [InlineData("start: \"a\")", "line 1, column 11", "neither a value")]
    [InlineData("start: \"b\"..\"a\"", "line 1, column 16", "range")]
    [InlineData("start: \"a\" ~", "line 1, column 13", "missing")]
    [InlineData("start: \"a\" ~ 3..2", "line 1, column 18", "out of order")]
    [InlineData("start: A\n%import common.NOPE", "line 2, column 20", "NOPE")]
    [InlineData("start: a", "line 1 of the grammar names a", "")]
    [InlineData("rule: \"a\"", "no rule start", "")]
    [InlineData("start: \"a\"\nstart: \"b\"", "line 2, column 11", "another rule")]
    [InlineData("start \"a\"", "line 1, column 7", "colon")]
    [InlineData("start: \"a\"\n%nothing x", "line 2, column 1", "unknown")]
    [InlineData("start: %json {\"type\":", "line 1, column 14", "schema")]
    [InlineData("not a grammar at all", "line 1, column 5", "colon")]
    [InlineData("", "no rule start", "")]
    public void Grammar_ThatIsWrong_IsRefusedWithItsPlace(string grammar, string place, string what)
    {
        var exception = Refused(grammar);
        Assert.Contains(place, exception.Message, StringComparison.Ordinal);
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsNotSupported);
    }

    [Theory]
    [InlineData("start: pair{A, B}", "template")]
    [InlineData("start: \"a\"\npair{x, y}: x y", "template")]
    [InlineData("start[stop=\"x\"]: \"a\"", "attributes")]
    [InlineData("start: <|end|>", "token")]
    [InlineData("start: \"a\"\n%declare A", "%declare")]
    [InlineData("start: A\n%import python.NAME", "import")]
    [InlineData("start: /a/x", "flags")]
    [InlineData("start: /(?=a)b/", "lookaround")]
    [InlineData("start: %regex {}", "statement")]
    [InlineData("start: %json {\"$dynamicRef\": \"#x\"}", "dynamicRef")]
    public void Grammar_OfAKindThatIsNotDone_SaysSo(string grammar, string what)
    {
        var exception = Refused(grammar);
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.IsNotSupported);
    }
}
