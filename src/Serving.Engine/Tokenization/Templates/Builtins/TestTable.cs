using System.Collections.Frozen;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>All tests by name: what stands right of <c>is</c>.</summary>
internal static class TestTable
{
    private static readonly FrozenDictionary<string, Builtin> All = OfType().Concat(OfValue()).Concat(Comparisons()).ToFrozenDictionary(t => t.Name);

    /// <summary>Asks a test; the first argument is what it is asked of. Faults for an unknown name.</summary>
    public static bool Holds(string name, RenderContext context, CallArguments arguments)
    {
        context.Budget.Charge();
        return All.TryGetValue(name, out var test)
            ? test.Invoke(context, arguments).IsTrue
            : throw new TemplateFault($"there is no test named '{name}'");
    }

    private static Builtin Ask(string signature, Func<TemplateValue, bool> ask) => Builtin.Fixed(signature, (_, a) => BoolValue.Of(ask(a[0]!)));

    private static Builtin Compare(string name, Func<TemplateValue, TemplateValue, RenderContext, bool> compare) =>
        Builtin.Fixed($"{name} value other", (c, a) => BoolValue.Of(compare(a[0]!, a[1]!, c)));

    private static IEnumerable<Builtin> OfType() =>
    [
        Ask("defined value", v => v is not UndefinedValue),
        Ask("undefined value", v => v is UndefinedValue),
        Ask("none value", v => v is NoneValue),
        Ask("boolean value", v => v is BoolValue),
        Ask("true value", v => ReferenceEquals(v, BoolValue.True)),
        Ask("false value", v => ReferenceEquals(v, BoolValue.False)),
        Ask("integer value", v => v is IntValue),
        Ask("float value", v => v is FloatValue),
        Ask("number value", NumberValues.IsNumber),
        Ask("string value", v => v is StringValue),
        Ask("mapping value", v => v is DictValue),
        Ask("sequence value", v => v is StringValue or ListValue or TupleValue or DictValue or RangeValue or UndefinedValue),
        Ask("iterable value", Iteration.IsIterable),
        Ask("callable value", v => v is CallableValue or UndefinedValue),
        Ask("escaped value", v => v is StringValue { IsMarkup: true }),
    ];

    private static IEnumerable<Builtin> OfValue() =>
    [
        Builtin.Fixed("odd value", (c, a) => BoolValue.Of(NumberValues.ToDouble(Arithmetic.Apply("%", a[0]!, new IntValue(2), c)) == 1)),
        Builtin.Fixed("even value", (c, a) => BoolValue.Of(NumberValues.ToDouble(Arithmetic.Apply("%", a[0]!, new IntValue(2), c)) == 0)),
        Builtin.Fixed("divisibleby value num", (c, a) => BoolValue.Of(NumberValues.ToDouble(Arithmetic.Apply("%", a[0]!, a[1]!, c)) == 0)),
        Builtin.Fixed("lower value", (c, a) => Cased(c, a[0]!, "islower")),
        Builtin.Fixed("upper value", (c, a) => Cased(c, a[0]!, "isupper")),
        Builtin.Fixed("filter value", (_, a) => BoolValue.Of(a[0] is StringValue s && FilterTable.Exists(s.Text))),
        Builtin.Fixed("test value", (_, a) => BoolValue.Of(a[0] is StringValue s && All!.ContainsKey(s.Text))),
        Builtin.Fixed("sameas value other", (c, a) => BoolValue.Of(IsSame(a[0]!, a[1]!, c))),
        Builtin.Fixed("in value seq", (c, a) => BoolValue.Of(Membership.Contains(a[1]!, a[0]!, c))),
    ];

    private static IEnumerable<Builtin> Comparisons()
    {
        (string[] Names, Func<TemplateValue, TemplateValue, RenderContext, bool> Compare)[] all =
        [
            (["==", "eq", "equalto"], (x, y, c) => Equality.AreEqual(x, y, c.Budget)),
            (["!=", "ne"], (x, y, c) => !Equality.AreEqual(x, y, c.Budget)),
            (["<", "lt", "lessthan"], (x, y, c) => Membership.Less(x, y, c, orEqual: false)),
            (["<=", "le"], (x, y, c) => Membership.Less(x, y, c, orEqual: true)),
            ([">", "gt", "greaterthan"], (x, y, c) => Membership.Less(y, x, c, orEqual: false)),
            ([">=", "ge"], (x, y, c) => Membership.Less(y, x, c, orEqual: true)),
        ];
        return all.SelectMany(one => one.Names.Select(name => Compare(name, one.Compare)));
    }

    private static TemplateValue Cased(RenderContext context, TemplateValue value, string method) =>
        MethodTable.Find(StringValue.Empty, method)!.Invoke(context, new CallArguments([new StringValue(PythonText.Str(value, context.Budget))], []));

    /// <summary>Python's <c>is</c>. Small values that CPython shares are the same when they are equal.</summary>
    private static bool IsSame(TemplateValue x, TemplateValue y, RenderContext context) =>
        ReferenceEquals(x, y) || (x.GetType() == y.GetType() && x is IntValue or StringValue or UndefinedValue && Equality.AreEqual(x, y, context.Budget));
}
