namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>A value that can be called: a built-in function, a bound method, a macro or the <c>loop</c> of a recursive loop.</summary>
internal abstract class CallableValue : TemplateValue
{
    /// <summary>Calls it; faults when the arguments do not fit.</summary>
    public abstract TemplateValue Call(RenderContext context, CallArguments arguments);

    /// <summary>An attribute such as <c>loop.index</c>, or null.</summary>
    public virtual TemplateValue? Attribute(RenderContext context, string name) => null;
}

/// <summary>A function that is written in C#.</summary>
internal sealed class FunctionValue(string name, Func<RenderContext, CallArguments, TemplateValue> body) : CallableValue
{
    public override string TypeName => $"function {name}";

    public override TemplateValue Call(RenderContext context, CallArguments arguments) => body(context, arguments);
}
