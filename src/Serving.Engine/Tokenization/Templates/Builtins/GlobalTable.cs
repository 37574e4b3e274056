using System.Collections.Frozen;
using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>The functions that every template sees.</summary>
internal static class GlobalTable
{
    /// <summary>Elements a range may have: Jinja2's sandbox has the same limit.</summary>
    private const int MaxRange = 100_000;

    public static FrozenDictionary<string, TemplateValue> All { get; } = new[]
    {
        Builtin.Fixed("range start stop? step?", Range),
        Builtin.Variadic("dict", Dict),
        Builtin.Variadic("namespace", (c, a) => new NamespaceValue(Dict(c, a))),
        Builtin.Variadic("cycler", (_, a) => new CyclerValue(a.Positional)),
        Builtin.Fixed("joiner sep?", (_, a) => new JoinerValue(a[0] ?? new StringValue(", "))),
        Builtin.Fixed("raise_exception message", (c, a) => throw new TemplateFault(PythonText.Str(a[0]!, c.Budget), isRaisedByTemplate: true)),
        Builtin.Fixed("strftime_now format", (c, a) =>
        {
            var text = new BudgetedText(c.Budget);
            Strftime.Write(text, StringMethods.Text(a, 0), c.Now);
            return text.ToValue();
        }),
    }.ToFrozenDictionary(f => f.Name, TemplateValue (f) => f.ToFunction());

    private static RangeValue Range(RenderContext context, TemplateValue?[] a)
    {
        var start = a[1] is null ? BigInteger.Zero : Integer(a[0]!);
        var stop = Integer(a[1] ?? a[0]!);
        var step = a[2] is null ? BigInteger.One : Integer(a[2]!);
        if (step.IsZero)
        {
            throw new TemplateFault("range() arg 3 must not be zero");
        }

        var span = step.Sign > 0 ? stop - start : start - stop;
        var count = span.Sign <= 0 ? 0 : (span + BigInteger.Abs(step) - 1) / BigInteger.Abs(step);
        if (count > MaxRange || BigInteger.Abs(start) > long.MaxValue / 4 || BigInteger.Abs(step) > int.MaxValue)
        {
            throw new TemplateFault($"a range has more than {MaxRange} elements");
        }

        return new RangeValue((long)start, (long)BigInteger.Clamp(stop, long.MinValue, long.MaxValue), (long)step, (int)count);
    }

    private static BigInteger Integer(TemplateValue value) => NumberValues.TryInteger(value, out var number)
        ? number
        : throw (value is UndefinedValue u ? u.Fault() : new TemplateFault($"'{value.TypeName}' object cannot be interpreted as an integer"));

    private static DictValue Dict(RenderContext context, CallArguments arguments)
    {
        var dict = new DictValue(context.Budget);
        if (arguments.Positional.Count > 1)
        {
            throw new TemplateFault("dict expected at most 1 argument");
        }

        foreach (var source in arguments.Positional)
        {
            foreach (var item in source is DictValue d ? d.Entries.Select(e => new TupleValue([e.Key, e.Value])) : Iteration.Enumerate(source, context))
            {
                var pair = Iteration.ToList(item, context);
                if (pair.Count != 2)
                {
                    throw new TemplateFault("a dict is made from pairs");
                }

                dict.Set(pair[0], pair[1]);
            }
        }

        foreach (var (name, value) in arguments.Named)
        {
            dict.Set(name, value);
        }

        return dict;
    }
}
