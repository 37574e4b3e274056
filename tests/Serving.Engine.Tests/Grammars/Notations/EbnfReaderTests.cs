using static Serving.Engine.Tests.Grammars.Notations.Notation;

namespace Serving.Engine.Tests.Grammars.Notations;

public sealed class EbnfReaderTests
{
    [Fact]
    public void Rules_ThatNameEachOther_NestWithoutBound() => Check(
        """
        # A list of lists, with comments, and rules over several lines.
        root  ::= value
        value ::= list | word   # either
        list  ::= "(" ws
                  (value (ws "," ws value)*)?
                  ws ")"
        word  ::= [a-z_]+
        ws    ::= " "*
        """,
        ["a", "()", "( a, (b,c),d )", "((((x))))"],
        ["", "(", "(a", "a,b", "(a,)", "A"]);

    [Theory]
    [InlineData("root ::= \"a\"*", "", "aaa", "b")]
    [InlineData("root ::= \"a\"+", "a", "aaa", "")]
    [InlineData("root ::= \"a\"?", "", "a", "aa")]
    [InlineData("root ::= \"ab\"{2}", "abab", "abab", "ab")]
    [InlineData("root ::= \"a\"{2,}", "aa", "aaaaa", "a")]
    [InlineData("root ::= \"a\" {2,3}", "aa", "aaa", "aaaa")]
    [InlineData("root ::= \"a\"{,2}", "", "aa", "aaa")]
    [InlineData("root ::= (\"a\" | \"b\" [0-9])+", "ab1", "b0aa", "ab")]
    [InlineData("root ::= \"a\" | ", "", "a", "b")]
    [InlineData("root ::= .", "\n", "\U0001F600", "ab")]
    [InlineData("root ::= [^a-y\\n]", "z", "\u00e9", "\n")]
    [InlineData("root ::= [-a\\]\\\\]+", "-a]\\", "]", "b")]
    [InlineData("root ::= [a-]", "a", "-", "b")]
    [InlineData("root ::= [\\x41\\u00e9\\U0001F600]", "A", "\U0001F600", "\U0001F601")]
    [InlineData("root ::= \"\\\"\\t\\\\\\n\\/\\x41\\u20AC\"", "\"\t\\\n/A\u20AC", "\"\t\\\n/A\u20AC", "\"")]
    [InlineData("root ::= \"\\uD83D\\uDE00\"", "\U0001F600", "\U0001F600", "\uFFFD")]
    [InlineData("root ::= rule-1 rule_2\nrule-1 ::= \"a\"\nrule_2 ::= \"b\"", "ab", "ab", "ba")]
    [InlineData("root::=\"a\"|\"b\"\r\n\r\n", "a", "b", "c")]
    public void Notation_OfEachKind_MeansWhatItSays(string grammar, string accepted, string alsoAccepted, string refused) => Check(grammar, [accepted, alsoAccepted], [refused]);

    [Fact]
    public void Rules_ThatBeginWithThemselves_AreRead() => Check(
        """
        root ::= sum
        sum  ::= sum "+" product | product
        product ::= product "*" atom | atom
        atom ::= call | [0-9]+ | "(" sum ")"
        call ::= atom "!"
        """,
        ["1", "1+2*3", "(1+2)*3!", "12!!", "((7))!*1"],
        ["", "+1", "1+", "!", "(1", "1**2"]);

    [Theory]
    [InlineData("root ::= \"a", "line 1, column 12", "does not end")]
    [InlineData("root ::= \"a\n\"", "line 1, column 12", "does not end")]
    [InlineData("root ::= [a", "line 1, column 12", "ends early")]
    [InlineData("root ::= []", "line 1, column 12", "no characters")]
    [InlineData("root ::= [z-a]", "line 1, column 14", "out of order")]
    [InlineData("root ::= (\"a\"", "line 1, column 14", "not closed")]
    [InlineData("root ::= \"a\")", "line 1, column 13", "too many")]
    [InlineData("root ::= *", "line 1, column 10", "neither a text")]
    [InlineData("root ::= \"\\q\"", "line 1, column 13", "backslash")]
    [InlineData("root ::= \"\\uD83D\"", "line 1, column 17", "half a character")]
    [InlineData("root ::= \"a\"{3,2}", "line 1, column 18", "out of order")]
    [InlineData("root ::= \"a\"{}", "line 1, column 14", "missing")]
    [InlineData("root ::= \"a\"{2", "line 1, column 15", "not closed")]
    [InlineData("root ::= \"a\"{100000}", "line 1, column 21", "repeats")]
    [InlineData("root ::= \"a\"\n\n  root ::= \"b\"", "line 3, column 15", "another rule")]
    [InlineData("root ::= \"a\" )", "line 1, column 14", "too many")]
    [InlineData("root ::= | ::= \"a\"", "line 1, column 12", "neither a text")]
    [InlineData("a ::= \"x\"", "no rule root", "")]
    [InlineData("root ::= \"a\"\n other", "line 2 of the grammar names other", "")]
    [InlineData("root ::= \"a\" root", "No text", "")]
    [InlineData("root ::= root", "No text", "")]
    public void Grammar_ThatIsWrong_IsRefusedWithItsPlace(string grammar, string place, string what)
    {
        var exception = Refused(grammar);
        Assert.Contains(place, exception.Message, StringComparison.Ordinal);
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsNotSupported);
    }

    [Theory]
    [InlineData("root ::= <think>", "token")]
    [InlineData("root ::= !<[7]>", "token")]
    [InlineData("root ::= \"a\" (= \"b\")", "lookahead")]
    public void Grammar_OfAKindThatIsNotDone_SaysSo(string grammar, string what)
    {
        var exception = Refused(grammar);
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.IsNotSupported);
    }

    [Theory]
    [InlineData("((((((\"a\"{9999}){9999}){9999}){9999}))")]
    [InlineData("(.{9999} | [a-z]{9999}){9999}")]
    public void Grammar_ThatExpands_IsRefusedByItsBudget(string expression) => Refused("root ::= " + expression + (expression.StartsWith("((((((", StringComparison.Ordinal) ? ")" : ""));

    [Fact]
    public void Grammar_NestedTooDeeply_IsRefused() => Refused("root ::= " + new string('(', 5000) + "\"a\"" + new string(')', 5000));
}
