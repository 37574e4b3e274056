using System.Text;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Tokenization;
using Serving.Testing;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Grammars.Masks;

public class TokenMatcherTests
{
    private const int End = 0;

    [Fact]
    public void Fill_AlongRandomAnswersOfRandomGrammars_AllowsExactlyTheTokensThatCanGoOn()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var rounds = 0;
        while (rounds < 300)
        {
            var grammar = RandomGrammars.Next(random);
            if (RandomGrammars.TryCompile(grammar) is not { } compiled)
            {
                continue;
            }

            rounds++;
            var tokenizer = RandomTokenizers.Next(random);
            var vocabulary = new TokenVocabulary(tokenizer, tokenizer.VocabularySize + random.Next(40), [End]);
            var masks = new GrammarMasks(compiled, vocabulary);
            for (var answer = 0; answer < 3; answer++)
            {
                Walk(masks, random, $"seed {seed}, round {rounds}");
            }
        }
    }

    [Fact]
    public void Fork_InTheMiddle_GoesItsOwnWay()
    {
        var masks = new GrammarMasks(CompiledGrammar.Compile(new Grammar(Many(Either(Text("ab"), Text("cd"))), [])), new TokenVocabulary(RandomTokenizers.Letters("abcd"), 5, [End]));
        var matcher = new TokenMatcher(masks);
        Assert.True(matcher.Advance(1));
        var fork = matcher.Fork();
        Assert.True(matcher.Advance(2));
        Assert.True(matcher.Advance(3));
        Assert.Equal([2], Allowed(fork));
        Assert.Equal([4], Allowed(matcher));
    }

    [Fact]
    public void TryFill_OfWhatHasNotBeenWorkedOut_SaysSoUntilItHas()
    {
        var masks = new GrammarMasks(CompiledGrammar.Compile(new Grammar(Text("ab"), [])), new TokenVocabulary(RandomTokenizers.Letters("ab"), 3, [End]));
        var mask = new uint[1];
        Assert.Equal(MaskOutcome.Missing, new TokenMatcher(masks).TryFill(mask));
        Assert.Equal(MaskOutcome.Filled, new TokenMatcher(masks).Fill(mask));
        mask[0] = 0;
        Assert.Equal(MaskOutcome.Filled, new TokenMatcher(masks).TryFill(mask));
        Assert.Equal(2u, mask[0]);
    }

    [Fact]
    public void Fill_WhereNoTokenGoesOn_IsADeadEnd()
    {
        var masks = new GrammarMasks(CompiledGrammar.Compile(new Grammar(Text("ax"), [])), new TokenVocabulary(RandomTokenizers.Letters("ab"), 3, [End]));
        var matcher = new TokenMatcher(masks);
        Assert.True(matcher.Advance(1));
        Assert.Equal(MaskOutcome.DeadEnd, matcher.Fill(new uint[1]));
        Assert.False(matcher.Advance(2));
    }

    [Fact]
    public void Fill_OfAGrammarThatIsTooAmbiguous_IsTooCostly()
    {
        var masks = new GrammarMasks(CompiledGrammar.Compile(RandomGrammars.Ambiguous()), new TokenVocabulary(RandomTokenizers.Of([new string('a', 40)]), 2, [End]));
        Assert.Equal(MaskOutcome.TooCostly, new TokenMatcher(masks).Fill(new uint[1]));
    }

    [Fact]
    public void Fill_AtTheEnd_AllowsTheTokensThatEndAnAnswerAndNoSpecialOne()
    {
        var tokenizer = Tokenizer.Load(Repository.DemoModel);
        var ends = Enumerable.Range(0, tokenizer.VocabularySize).Where(tokenizer.IsSpecial).Take(2).ToArray();
        var masks = new GrammarMasks(CompiledGrammar.Compile(new Grammar(Many(new CharacterExpression(CharacterSet.All)), [])), new TokenVocabulary(tokenizer, tokenizer.VocabularySize, ends));
        var allowed = Allowed(new TokenMatcher(masks));
        Assert.Empty(ends.Except(allowed));
        Assert.DoesNotContain(allowed, id => tokenizer.IsSpecial(id) && !ends.Contains(id));
    }

    private static void Walk(GrammarMasks masks, Random random, string where)
    {
        var matcher = new TokenMatcher(masks);
        var mask = new uint[matcher.MaskWords];
        var text = new List<byte>();
        for (var i = 0; i < 12; i++)
        {
            var outcome = matcher.Fill(mask);
            var again = new uint[mask.Length];
            Assert.Equal(outcome, matcher.TryFill(again));
            Assert.Equal(mask, again);
            var allowed = Bits(mask);
            var tooAmbiguous = false;
            var expected = Enumerable.Range(0, masks.Vocabulary.Size).Where(id => CanGoOn(masks, text, id, ref tooAmbiguous)).ToArray();
            if (tooAmbiguous)
            {
                return;
            }

            Assert.True(expected.SequenceEqual(allowed), $"{where}: behind \"{Encoding.UTF8.GetString([.. text])}\" {string.Join(',', allowed)} for {string.Join(',', expected)}");
            Assert.Equal(expected.Length == 0 ? MaskOutcome.DeadEnd : MaskOutcome.Filled, outcome);
            var tokens = allowed.Where(id => id != End).ToArray();
            if (tokens.Length == 0)
            {
                return;
            }

            var token = tokens[random.Next(tokens.Length)];
            text.AddRange(masks.Vocabulary.BytesOf(token, isFirst: i == 0));
            Assert.True(matcher.Advance(token), where);
            matcher = random.Next(4) == 0 ? matcher.Fork() : matcher;
        }
    }

    // By the text matcher alone, byte by byte from the beginning.
    private static bool CanGoOn(GrammarMasks masks, List<byte> text, int id, ref bool tooAmbiguous)
    {
        var bytes = masks.Vocabulary.BytesOf(id, isFirst: text.Count == 0);
        var matcher = new TextMatcher(masks.Grammar);
        foreach (var value in text)
        {
            matcher.Take(value);
        }

        if (id == End)
        {
            return matcher.IsComplete;
        }

        foreach (var value in bytes)
        {
            if (!matcher.Take(value))
            {
                tooAmbiguous |= matcher.IsTooAmbiguous;
                return false;
            }
        }

        return bytes.Length > 0;
    }

    private static int[] Allowed(TokenMatcher matcher)
    {
        var mask = new uint[matcher.MaskWords];
        matcher.Fill(mask);
        return Bits(mask);
    }

    private static int[] Bits(uint[] mask) => [.. Enumerable.Range(0, mask.Length * 32).Where(id => (mask[id >> 5] >> (id & 31) & 1) != 0)];
}
