using Serving.Engine.Grammars.Expressions;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What the parameters of a function are that a model writes one by one in marks: texts as they are, without the closing mark, others as JSON.
/// </summary>
internal sealed class ParameterGrammar(ParameterStyle style, GrammarBuilder builder) : WrittenParameters(builder)
{
    // Where a format is written with a line break or without, by models that differ in nothing else.
    private readonly GrammarExpression _break = style.IsPadded ? Express.Text("\n") : Express.Optional(Express.Text("\n"));

    /// <summary>The parameters of a function, and the mark behind them.</summary>
    /// <exception cref="GrammarException">Its schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(CallableFunction function) =>
        Express.Concat([_break, .. Parameters(function).Select(parameter => parameter.IsRequired ? parameter.Text : Express.Optional(parameter.Text)), Express.Text(style.End)]);

    /// <inheritdoc/>
    protected override bool CanWrite(string name) =>
        // No name that its own mark could not be told from.
        name.Length is > 0 and <= ParameterCallReader.MaxKeyLength && !name.Contains(style.KeyClose[0], StringComparison.Ordinal) && !name.AsSpan().ContainsAny("<>\n");

    /// <inheritdoc/>
    protected override GrammarExpression Parameter(string name, ParameterKind kind, GrammarExpression value)
    {
        return kind switch
        {
            ParameterKind.Json => Written(name, style.KeyClose, value),
            ParameterKind.Text => Written(name, TextKeyClose, Unmarked(value)),
            _ when style.TextKeyClose.Length > 0 => Express.Choice(Written(name, style.TextKeyClose, Unmarked(value)), Written(name, style.KeyClose, Express.Text(ParameterValue.Null))),
            _ => Written(name, style.KeyClose, Express.Choice(Unmarked(new ExceptExpression(value, Express.Text(ParameterValue.Null))), Express.Text(ParameterValue.Null))),
        };
    }

    private string TextKeyClose => style.TextKeyClose.Length > 0 ? style.TextKeyClose : style.KeyClose;

    private GrammarExpression Unmarked(GrammarExpression text) =>
        Builder.Add(new ExceptExpression(text, Express.Concat(Express.AnyText, Express.Text(style.ValueClose), Express.AnyText)));

    private GrammarExpression Written(string name, string keyClose, GrammarExpression value)
    {
        var padding = Express.Text(style.IsPadded ? "\n" : "");
        return Express.Concat(
            Express.Text(style.KeyOpen + name + keyClose),
            style.ValueOpen.Length == 0 ? GrammarExpression.Empty : Express.Concat(_break, Express.Text(style.ValueOpen)),
            padding,
            value,
            padding,
            Express.Text(style.ValueClose),
            _break);
    }
}
