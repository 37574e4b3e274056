using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What answers in channels are under a constraint: messages with thoughts, as many as the model likes, and then one with the answer, or a call. An end token never comes before that is whole.
/// </summary>
/// <param name="mark">What stands before every mark; may be empty.</param>
/// <param name="start">Where the answer begins: in a header, or in thoughts.</param>
/// <param name="builder">Where rules go.</param>
internal sealed class ChannelGrammar(string mark, ReasoningStart start, GrammarBuilder builder)
{
    private readonly FunctionGrammar _functions = new(builder);

    // The content of a message: any text without a mark.
    private readonly RuleExpression _content = builder.Add(new ExceptExpression(
        Express.AnyText,
        Express.Concat(Express.AnyText, Express.Choice([.. HarmonyText.Marks.Select(text => Express.Text(mark + text))]), Express.AnyText)));

    /// <summary>Thoughts, and a final message whose content is constrained.</summary>
    public GrammarExpression Final(GrammarExpression answer) => Behind([HarmonyText.Analysis], Message(HarmonyText.Final, answer));

    /// <summary>
    /// Thoughts, and a call; where the model may choose, also what it says to the user before one, or a final message in the call's place. There is one call: the answer ends with it.
    /// </summary>
    /// <exception cref="GrammarException">A function's schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(ChatPrompt chat)
    {
        var call = Express.Choice([.. FunctionGrammar.Callable(chat).Select(Call)]);
        return chat.Choice.Kind == ToolChoiceKind.Auto
            ? Behind([HarmonyText.Analysis, HarmonyText.Commentary], Express.Choice(Message(HarmonyText.Final, _content), call))
            : Behind([HarmonyText.Analysis], call);
    }

    private GrammarExpression Behind(string[] channels, GrammarExpression last)
    {
        var next = Express.Concat(Mark(HarmonyMark.End), Mark(HarmonyMark.Start), Express.Text(HarmonyText.Assistant));
        var messages = Express.Repeat(builder.Add(Express.Concat(Express.Choice([.. channels.Select(channel => Message(channel, _content))]), next)), 0, null);
        var answer = Express.Concat(messages, builder.Add(last));
        return start == ReasoningStart.Thoughts ? Express.Concat(_content, next, answer) : answer;
    }

    private GrammarExpression Message(string channel, GrammarExpression content) =>
        Express.Concat(Mark(HarmonyMark.Channel), Express.Text(channel), Mark(HarmonyMark.Message), content);

    // As the format's description has it, or as templates write the calls of earlier messages: with the function beside the role.
    private GrammarExpression Call(CallableFunction function)
    {
        var recipient = Express.Text($" {HarmonyText.Recipient}{HarmonyText.Function}{function.Name}");
        var commentary = Express.Concat(Mark(HarmonyMark.Channel), Express.Text(HarmonyText.Commentary));
        var type = Express.Concat(Express.Text(" "), Express.Optional(Mark(HarmonyMark.Constrain)), Express.Text("json"));
        return Express.Concat(
            Express.Choice(Express.Concat(commentary, recipient), Express.Concat(recipient, commentary)),
            type,
            Mark(HarmonyMark.Message),
            _functions.Arguments(function));
    }

    private GrammarExpression Mark(HarmonyMark which) => Express.Text(mark + HarmonyText.Of(which));
}
