using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary><c>cycler(a, b)</c>: hands out its values in turn. It lives inside one rendering.</summary>
internal sealed class CyclerValue : CallableValue
{
    private readonly IReadOnlyList<TemplateValue> _items;

    private int _at;

    public CyclerValue(IReadOnlyList<TemplateValue> items)
    {
        _items = items.Count > 0 ? items : throw new TemplateFault("at least one item has to be provided");
    }

    public override string TypeName => "Cycler";

    public override TemplateValue Call(RenderContext context, CallArguments arguments) =>
        throw new TemplateFault("'Cycler' object is not callable");

    public override TemplateValue? Attribute(RenderContext context, string name) => name switch
    {
        "current" => _items[_at],
        "next" => new FunctionValue("next", (_, _) => Next()),
        "reset" => new FunctionValue("reset", (_, _) => Reset()),
        _ => null,
    };

    private TemplateValue Next()
    {
        var item = _items[_at];
        _at = (_at + 1) % _items.Count;
        return item;
    }

    private NoneValue Reset()
    {
        _at = 0;
        return NoneValue.Instance;
    }
}

/// <summary><c>joiner(sep)</c>: nothing at the first call, then the separator. It lives inside one rendering.</summary>
internal sealed class JoinerValue(TemplateValue separator) : CallableValue
{
    private bool _used;

    public override string TypeName => "Joiner";

    public override TemplateValue Call(RenderContext context, CallArguments arguments)
    {
        var value = _used ? separator : StringValue.Empty;
        _used = true;
        return value;
    }
}
