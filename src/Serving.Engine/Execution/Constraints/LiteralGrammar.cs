using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What the arguments of a call are that is written as an expression, without its brackets: those of the schema, in its order, with commas. Values are JSON, which these notations take too; where a notation has
/// marks for texts, texts stand in them.
/// </summary>
internal sealed class LiteralGrammar(LiteralStyle style, GrammarBuilder builder) : WrittenParameters(builder)
{
    /// <summary>The arguments of a function.</summary>
    /// <exception cref="GrammarException">Its schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(CallableFunction function)
    {
        var parameters = Parameters(function);
        var between = Express.Text(style.Between);
        GrammarExpression rest = GrammarExpression.Empty, all = GrammarExpression.Empty;
        for (var i = parameters.Count - 1; i >= 0; i--)
        {
            // Behind another one it has a comma before it; it is the first where none before it is there.
            var (text, isRequired) = (Builder.Add(parameters[i].Text), parameters[i].IsRequired);
            var first = Express.Concat(text, rest);
            all = isRequired ? first : Express.Choice(first, all);
            var next = Express.Concat(between, text);
            rest = Builder.Add(Express.Concat(isRequired ? next : Express.Optional(next), rest));
        }

        return all;
    }

    /// <inheritdoc/>
    protected override bool CanWrite(string name) => name.Length is > 0 and <= ParameterCallReader.MaxKeyLength && !name.Contains('\\', StringComparison.Ordinal) && name.All(style.IsOfKey);

    /// <inheritdoc/>
    protected override GrammarExpression Parameter(string name, ParameterKind kind, GrammarExpression value)
    {
        var mark = Express.Text(style.TextMark);
        return Express.Concat(
            Express.Text(name + style.KeyClose),
            kind == ParameterKind.Json ? value : Express.Concat(mark, Builder.Add(new ExceptExpression(value, Express.Concat(Express.AnyText, mark, Express.AnyText))), mark));
    }

    /// <inheritdoc/>
    protected override ParameterKind KindOf(JsonElement value, JsonElement schema) =>
        style.TextMark.Length > 0 && ParameterKinds.Of(value, schema) == ParameterKind.Text ? ParameterKind.Text : ParameterKind.Json;
}
