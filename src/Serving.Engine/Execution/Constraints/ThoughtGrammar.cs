using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Reasoning;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What an answer is whose constraint begins behind the thoughts: any text without their closing mark, the mark, a little white space, and then what is constrained. As part of the grammar it is
/// followed like the rest of it: masks, guesses and preemption know nothing of thoughts. An end token never comes before the answer is whole.
/// </summary>
internal sealed class ThoughtGrammar(ReasoningFormat format, ReasoningStart start, GrammarBuilder builder)
{
    /// <summary>White space beside a mark at most: a model writes a line break or two.</summary>
    private const int MaxSpace = 4;

    /// <summary>Thoughts and an answer behind them; the answer alone where the model decides, or has nothing to think.</summary>
    public GrammarExpression Before(GrammarExpression answer)
    {
        if (start == ReasoningStart.Answer)
        {
            return answer;
        }

        var space = Express.Repeat(Express.Character(CharacterSet.OfCharacters(' ', '\t', '\r', '\n')), 0, MaxSpace);
        var closed = Express.Concat(Express.AnyText, Express.Text(format.Close), Express.AnyText);
        var whole = builder.Add(answer);
        var thoughts = Express.Concat(builder.Add(new ExceptExpression(Express.AnyText, closed)), Express.Text(format.Close), space, whole);
        return start == ReasoningStart.Thoughts ? thoughts : Express.Choice(whole, Express.Concat(space, Express.Text(format.Open), thoughts));
    }
}
