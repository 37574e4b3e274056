using Serving.Engine.Tokenization.Templates.Syntax;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>A macro, or the body of a call block, with the variables around its definition.</summary>
internal sealed class MacroValue(MacroDefinition macro, VariableScope scope, StatementExecutor executor) : CallableValue
{
    public override string TypeName => macro.Name is null ? "Macro anonymous" : $"Macro {PythonText.Quote(macro.Name)}";

    public override TemplateValue Call(RenderContext context, CallArguments arguments)
    {
        context.Budget.Enter();
        var inner = new VariableScope(scope);
        Bind(inner, arguments, context);
        var result = executor.Capture(macro.Body, inner);
        context.Budget.Leave();
        return result;
    }

    public override TemplateValue? Attribute(RenderContext context, string name) => name switch
    {
        "name" => macro.Name is null ? NoneValue.Instance : new StringValue(macro.Name),
        "arguments" => new TupleValue([.. macro.Parameters.Select(p => new StringValue(p.Name))]),
        "catch_kwargs" => BoolValue.Of(macro.UsesKwargs),
        "catch_varargs" => BoolValue.Of(macro.UsesVarargs),
        "caller" => BoolValue.Of(macro.UsesCaller),
        _ => null,
    };

    /// <summary>Sets the parameters in their order, so that a default can read those before it, then what is left over.</summary>
    private void Bind(VariableScope inner, CallArguments arguments, RenderContext context)
    {
        var named = new Dictionary<string, TemplateValue>();
        foreach (var (name, value) in arguments.Named)
        {
            if (!named.TryAdd(name, value))
            {
                throw new TemplateFault($"macro '{macro.Name}' got multiple values for the argument '{name}'");
            }
        }

        for (var i = 0; i < macro.Parameters.Count; i++)
        {
            var parameter = macro.Parameters[i];
            if (i < arguments.Positional.Count)
            {
                inner.Set(parameter.Name, arguments.Positional[i]);
            }
            else if (named.Remove(parameter.Name, out var value))
            {
                inner.Set(parameter.Name, value);
            }
            else
            {
                inner.Set(parameter.Name, parameter.Default is null
                    ? new UndefinedValue($"parameter '{parameter.Name}' was not provided")
                    : executor.Expressions.Evaluate(parameter.Default, inner));
            }
        }

        if (macro.UsesCaller && !macro.Parameters.Any(p => p.Name == "caller"))
        {
            inner.Set("caller", named.Remove("caller", out var caller) ? caller : new UndefinedValue("No caller defined"));
        }

        BindRest(inner, arguments, named, context);
    }

    private void BindRest(VariableScope inner, CallArguments arguments, Dictionary<string, TemplateValue> named, RenderContext context)
    {
        if (macro.UsesKwargs)
        {
            var rest = new DictValue(context.Budget);
            foreach (var (name, value) in named)
            {
                rest.Set(name, value);
            }

            inner.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw new TemplateFault($"macro '{macro.Name}' takes no keyword argument '{named.Keys.First()}'");
        }

        if (macro.UsesVarargs)
        {
            inner.Set("varargs", new TupleValue([.. arguments.Positional.Skip(macro.Parameters.Count)]));
        }
        else if (arguments.Positional.Count > macro.Parameters.Count)
        {
            throw new TemplateFault($"macro '{macro.Name}' takes not more than {macro.Parameters.Count} argument(s)");
        }
    }
}
