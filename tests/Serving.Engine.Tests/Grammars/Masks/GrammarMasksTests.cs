using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Grammars.Masks;
using Serving.Testing;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Grammars.Masks;

public class GrammarMasksTests
{
    private static readonly Lazy<TokenVocabulary> Large = new(() => Of(20_000));
    private static readonly Lazy<TokenVocabulary> Small = new(() => Of(300));

    /// <summary>What a grammar says that it takes is what it keeps: a cache of them is bounded by the sum.</summary>
    [Theory]
    [InlineData("nothing asked")]
    [InlineData("text")]
    [InlineData("schema")]
    [InlineData("crossings")]
    public void Bytes_OfWhatWasWorkedOut_AreThoseThatAreKept(string what)
    {
        foreach (var vocabulary in new[] { Small.Value, Large.Value })
        {
            var masks = new GrammarMasks(CompiledGrammar.Compile(GrammarOf(what)), vocabulary);
            if (what != "nothing asked")
            {
                Walk(masks);
            }

            var kept = ObjectBytes.Of(masks, masks.Vocabulary, masks.Vocabulary.Trie);
            Assert.True(masks.Bytes > kept * 0.6 && masks.Bytes < (kept * 1.4) + 2048, $"{what}, {vocabulary.Size} tokens: {kept} bytes are kept, {masks.Bytes} are counted");
        }
    }

    private static Grammar GrammarOf(string what)
    {
        if (what == "text")
        {
            return new Grammar(Many(One(('a', 'z'), (' ', ' ')), least: 1, most: 200), []);
        }

        // Tokens begin in one of many rules and end in the next: sets of places in the tree of tokens.
        if (what == "crossings")
        {
            return new Grammar(Many(new RuleExpression(0)), [Either(Text("a"), Many(One(('a', 'm')), 1, 3), Then(new RuleExpression(1), Text("b"))), Many(One(('b', 'z')), 1, 4)]);
        }

        var builder = new GrammarBuilder();
        using var schema = System.Text.Json.JsonDocument.Parse("""
            {"type": "object", "properties": {"name": {"type": "string", "maxLength": 40}, "many": {"type": "array", "items": {"enum": ["red", "green", "blue"]}}, "next": {"$ref": "#"}}}
            """);
        return builder.Build(JsonSchemaGrammar.Read(schema.RootElement, builder, "schema"));
    }

    private static void Walk(GrammarMasks masks)
    {
        var random = new Random(7);
        for (var answer = 0; answer < 8; answer++)
        {
            var matcher = new TokenMatcher(masks);
            var mask = new uint[matcher.MaskWords];
            for (var i = 0; i < 20 && matcher.Fill(mask) == MaskOutcome.Filled; i++)
            {
                var allowed = Enumerable.Range(0, masks.Vocabulary.Size).Where(id => (mask[id >> 5] >> (id & 31) & 1) != 0 && !masks.Vocabulary.Ends.Contains(id)).ToArray();
                if (allowed.Length == 0 || !matcher.Advance(allowed[random.Next(allowed.Length)]))
                {
                    break;
                }
            }
        }
    }

    // Every letter that JSON needs, and words.
    private static TokenVocabulary Of(int words)
    {
        var random = new Random(words);
        string[] letters = [.. Enumerable.Range(' ', 95).Select(letter => ((char)letter).ToString())];
        string[] tokens = [.. letters.Concat(Enumerable.Range(0, words).Select(_ => new string([.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => (char)random.Next('a', 'z' + 1))]))).Distinct()];
        var tokenizer = RandomTokenizers.Of(tokens);
        return new TokenVocabulary(tokenizer, tokenizer.VocabularySize, [0]);
    }
}
