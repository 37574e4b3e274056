using System.Text;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Tests.Tokenization;

namespace Serving.Engine.Tests.Grammars.Masks;

public class TokenVocabularyTests
{
    private static readonly string[] Texts =
    [
        """{"name": "Zoë", "list": [1, 2.5e-3, true], "text": "a \\"quoted\\" word\\n"}""",
        " leading space, then two  and a tab\t.",
        "日本語 🙂 é",
    ];

    /// <summary>The mask allows, at every place of a text, the token that the tokenizer puts there, and the matcher reads the text that a client sees.</summary>
    [Theory]
    [InlineData("gpt2")]
    [InlineData("falcon")]
    [InlineData("llama3.2")]
    [InlineData("qwen2.5")]
    [InlineData("smollm2")]
    [InlineData("tinyllama-1.1b-chat")]
    [InlineData("phi-2")]
    public void BytesOf_TheTokensOfAText_AreTheTextThatIsDecoded(string name)
    {
        var tokenizer = PublishedTokenizers.Get(name);
        var vocabulary = new TokenVocabulary(tokenizer, tokenizer.VocabularySize, []);
        foreach (var text in Texts)
        {
            var ids = tokenizer.EncodeToIds(text, addSpecialTokens: false);
            var decoded = tokenizer.Decode(ids, skipSpecialTokens: true);
            var bytes = ids.SelectMany((id, i) => vocabulary.BytesOf(id, isFirst: i == 0).ToArray()).ToArray();
            Assert.Equal(decoded, Encoding.UTF8.GetString(bytes));
            if (vocabulary.BytesOf(ids[0], isFirst: true).IsEmpty)
            {
                continue; // A token that adds nothing is never allowed: an answer that begins with a space has another beginning.
            }

            var matcher = new TokenMatcher(new GrammarMasks(CompiledGrammar.Compile(new Grammar(new LiteralExpression(decoded), [])), vocabulary));
            var mask = new uint[matcher.MaskWords];
            foreach (var id in ids)
            {
                Assert.Equal(MaskOutcome.Filled, matcher.Fill(mask));
                Assert.True((mask[id >> 5] >> (id & 31) & 1) != 0, $"{name}: {id} in \"{text}\"");
                Assert.True(matcher.Advance(id));
            }

            Assert.True(matcher is { IsComplete: true, CanContinue: false });
        }
    }
}
