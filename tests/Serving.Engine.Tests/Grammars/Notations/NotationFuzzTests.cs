using System.Text;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Notations;

namespace Serving.Engine.Tests.Grammars.Notations;

/// <summary>Grammars out of random pieces are read or refused, and what is read compiles or is refused.</summary>
public sealed class NotationFuzzTests
{
    private static readonly string[] Shared =
        ["a", "b", "root", "start", "A", "\"x\"", "\"\\u00e9\"", "\"", "(", ")", "[", "]", "[a-c]", "|", "*", "+", "?", "{2}", "{1,}", "{", "}", "\\", "\n", " ", "#", "9", ".", "<", "!", "-", "\U0001F600", "\0"];

    private static readonly string[] Ebnf = [.. Shared, "::=", "root ::=", "a ::=", "\nb ::=", "[^", "(=", "\\x41", "{,3}"];

    private static readonly string[] Lark = [.. Shared, ":", "start:", "\na:", "\nA:", "~2", "~1..3", "..", "->", "/a+/", "/", "/i", "%ignore", "%import common.INT", "%json", "{\"enum\":[1]}", "//", "?a:", ".2:"];

    [Fact]
    public void Read_OfRandomPieces_RefusesOrReads()
    {
        foreach (var (pieces, begin) in new[] { (Ebnf, "root ::= "), (Lark, "start: ") })
        {
            var random = new Random(3);
            var read = 0;
            for (var round = 0; round < 20_000; round++)
            {
                read += TryCompile((round % 4 == 0 ? "" : begin) + Random(random, pieces)) ? 1 : 0;
            }

            Assert.InRange(read, 500, 19_000);
        }
    }

    private static bool TryCompile(string text)
    {
        try
        {
            var builder = new GrammarBuilder();
            CompiledGrammar.Compile(builder.Build(GrammarNotation.Read(text, builder, "grammar")));
            return true;
        }
        catch (GrammarException)
        {
            return false;
        }
    }

    private static string Random(Random random, string[] pieces)
    {
        var text = new StringBuilder();
        for (var i = random.Next(12); i >= 0; i--)
        {
            text.Append(pieces[random.Next(pieces.Length)]).Append(random.Next(2) == 0 ? " " : "");
        }

        return text.ToString();
    }
}
