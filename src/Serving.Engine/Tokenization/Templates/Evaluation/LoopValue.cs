using Serving.Engine.Tokenization.Templates.Builtins;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>The <c>loop</c> of a running <c>for</c>.</summary>
internal sealed class LoopValue(IReadOnlyList<TemplateValue> items, int depth, Func<TemplateValue, TemplateValue>? recurse) : CallableValue
{
    private int _at = -1;

    private CallArguments? _changed;

    public override string TypeName => "LoopContext";

    public TemplateValue Current => items[_at];

    public bool MoveNext() => ++_at < items.Count;

    public override TemplateValue Call(RenderContext context, CallArguments arguments) => recurse is null
        ? throw new TemplateFault("the loop must have the 'recursive' marker to be called recursively")
        : recurse(arguments.Positional.Count == 1 ? arguments.Positional[0] : throw new TemplateFault("loop() takes one argument"));

    public override TemplateValue? Attribute(RenderContext context, string name) => name switch
    {
        "index" => new IntValue(_at + 1),
        "index0" => new IntValue(_at),
        "revindex" => new IntValue(items.Count - _at),
        "revindex0" => new IntValue(items.Count - _at - 1),
        "first" => BoolValue.Of(_at == 0),
        "last" => BoolValue.Of(_at == items.Count - 1),
        "length" => new IntValue(items.Count),
        "depth" => new IntValue(depth + 1),
        "depth0" => new IntValue(depth),
        "previtem" => _at > 0 ? items[_at - 1] : new UndefinedValue("there is no previous item"),
        "nextitem" => _at + 1 < items.Count ? items[_at + 1] : new UndefinedValue("there is no next item"),
        "cycle" => new FunctionValue("cycle", (_, a) => a.Positional.Count > 0
            ? a.Positional[_at % a.Positional.Count]
            : throw new TemplateFault("no items for cycling given")),
        "changed" => new FunctionValue("changed", Changed),
        _ => null,
    };

    private BoolValue Changed(RenderContext context, CallArguments arguments)
    {
        var same = _changed is not null
            && Equality.AreEqual(new TupleValue(_changed.Positional), new TupleValue(arguments.Positional), context.Budget);
        _changed = arguments;
        return BoolValue.Of(!same);
    }
}
