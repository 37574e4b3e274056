using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>The body of a built-in: arguments in the order of its signature, null where one is not given.</summary>
internal delegate TemplateValue BuiltinBody(RenderContext context, TemplateValue?[] arguments);

/// <summary>A filter, test, method or function of the language: a name, a signature and a body. What it is applied to is the first argument.</summary>
internal sealed class Builtin
{
    private readonly Func<RenderContext, CallArguments, TemplateValue> _invoke;

    private Builtin(string name, Func<RenderContext, CallArguments, TemplateValue> invoke)
    {
        Name = name;
        _invoke = invoke;
    }

    public string Name { get; }

    /// <summary>A built-in with fixed parameters: <paramref name="signature"/> is its name and their names, see <see cref="Signature"/>.</summary>
    public static Builtin Fixed(string signature, BuiltinBody body)
    {
        var space = signature.IndexOf(' ', StringComparison.Ordinal);
        var name = space < 0 ? signature : signature[..space];
        var parameters = new Signature(name, space < 0 ? string.Empty : signature[space..]);
        return new Builtin(name, (context, arguments) => body(context, parameters.Bind(arguments)));
    }

    /// <summary>A built-in that reads its arguments itself.</summary>
    public static Builtin Variadic(string name, Func<RenderContext, CallArguments, TemplateValue> body) => new(name, body);

    /// <summary>The same under another name.</summary>
    public Builtin As(string name) => new(name, _invoke);

    /// <summary>Pays for what the call reads, and calls.</summary>
    public TemplateValue Invoke(RenderContext context, CallArguments arguments)
    {
        foreach (var argument in arguments.Positional)
        {
            context.Budget.ChargeText(argument is StringValue s ? s.Text.Length : 0);
        }

        return _invoke(context, arguments);
    }

    /// <summary>The built-in as a value that a template can call, optionally bound to its first argument.</summary>
    public FunctionValue ToFunction(TemplateValue? self = null) =>
        new(Name, self is null ? Invoke : (context, arguments) => Invoke(context, arguments.Prepend(self)));
}
