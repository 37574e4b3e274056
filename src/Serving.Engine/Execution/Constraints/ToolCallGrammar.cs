using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What an answer is that has to call functions, or that may and then has to follow their schemas. Where the model may choose, any text is one that does not hold the mark by which the
/// model announces a call; behind the mark stands a call.
/// </summary>
internal sealed class ToolCallGrammar(ToolCallFormat format, GrammarBuilder builder)
{
    /// <summary>Most calls of one answer.</summary>
    private const int MaxCalls = 32;

    private readonly FunctionGrammar _functions = new(builder);
    private readonly ParameterGrammar? _parameters = format.Parameters is { } marks ? new ParameterGrammar(marks, builder) : null;
    private readonly LiteralGrammar? _literals = format.Literal is { } literal ? new LiteralGrammar(literal, builder) : null;

    /// <summary>The answers to a conversation.</summary>
    /// <exception cref="GrammarException">A function's schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(ChatPrompt chat)
    {
        var call = builder.Add(Express.Choice([.. FunctionGrammar.Callable(chat).Select(Call)]));
        var several = chat.ParallelCalls && chat.Choice.Kind != ToolChoiceKind.Function;
        return chat.Choice.Kind == ToolChoiceKind.Auto ? Optional(call, several) : Calls(call, several);
    }

    private GrammarExpression Calls(GrammarExpression call, bool several) => Express.Concat(
        Express.Text(format.First),
        call,
        Express.Repeat(Express.Concat(Express.Text(format.Between), call), 0, several ? MaxCalls - 1 : 0),
        Express.Text(format.Last));

    // Text, then calls and text as long as it goes on. A model whose calls nothing announces makes them at the beginning, so that an answer that begins like one is one.
    private GrammarExpression Optional(GrammarExpression call, bool several)
    {
        var text = Without(Express.AnyText, Express.Concat(Express.AnyText, Express.Text(format.Marker), Express.AnyText));
        if (format.IsBare)
        {
            var space = Express.Repeat(Express.Character(CharacterSet.OfCharacters(' ', '\t', '\r', '\n')), 0, null);
            return Express.Choice(Calls(call, several), Without(text, Express.Concat(space, Express.Text(format.BareOpen.ToString()), Express.AnyText)));
        }

        var free = builder.Add(text);
        return format.IsList
            ? Express.Concat(free, Express.Optional(Calls(call, several)))
            : Express.Concat(free, Express.Repeat(Express.Concat(call, free), 0, several ? MaxCalls : 1));
    }

    private GrammarExpression Call(CallableFunction function) => Express.Concat(
        Express.Text(format.Before),
        Head(format.Head(function.Name)),
        _parameters?.Of(function) ?? _literals?.Of(function) ?? _functions.Arguments(function),
        Express.Text(format.Close + format.After));

    // The number between two texts is the model's to choose.
    private static GrammarExpression Head(IReadOnlyList<string> texts) => texts.Count == 1
        ? Express.Text(texts[0])
        : Express.Concat(Express.Text(texts[0]), Express.Repeat(Express.Range("09"), 1, NamedCallReader.MaxDigits), Express.Text(texts[1]));

    private static ExceptExpression Without(GrammarExpression from, GrammarExpression without) => new(from, without);
}
