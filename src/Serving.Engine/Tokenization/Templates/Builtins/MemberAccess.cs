using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>
/// <c>value.name</c> and <c>value[key]</c>. There is no reflection: a value has its methods of <see cref="MethodTable"/>, its keys and nothing else.
/// What is missing is an <see cref="UndefinedValue"/>.
/// </summary>
internal static class MemberAccess
{
    /// <summary><c>value.name</c>: a method first, then a key.</summary>
    public static TemplateValue Get(TemplateValue value, string name, RenderContext context)
    {
        return value is UndefinedValue undefined
            ? throw undefined.Fault()
            : Own(value, name, context) ?? Key(value, new StringValue(name), context) ?? Missing(value, name);
    }

    /// <summary><c>value[key]</c>: an element first, then for a string a method.</summary>
    public static TemplateValue GetItem(TemplateValue value, TemplateValue key, RenderContext context)
    {
        if (value is UndefinedValue undefined)
        {
            throw undefined.Fault();
        }

        var name = key as StringValue;
        return Key(value, key, context)
            ?? (name is null ? null : Own(value, name.Text, context))
            ?? (name is null ? new UndefinedValue($"{Describe(value)} has no element {PythonText.Repr(key, context.Budget)}") : Missing(value, name.Text));
    }

    /// <summary>
    /// A function that reads a path such as <c>a.b.0</c>, as filters take it in <c>attribute=</c>; a missing part is <paramref name="fallback"/> if given.
    /// </summary>
    public static Func<TemplateValue, TemplateValue> Path(TemplateValue? path, RenderContext context, TemplateValue? fallback = null)
    {
        if (path is null or NoneValue)
        {
            return item => item;
        }

        var parts = path is StringValue s ? Array.ConvertAll(s.Text.Split('.'), Part) : [path];
        return item =>
        {
            foreach (var part in parts)
            {
                context.Budget.Charge();
                item = GetItem(item, part, context);
                item = item is UndefinedValue && fallback is not (null or NoneValue) ? fallback : item;
            }

            return item;
        };
    }

    private static TemplateValue Part(string text) =>
        text.Length is > 0 and < 10 && text.All(char.IsAsciiDigit)
            ? new IntValue(BigInteger.Parse(text, System.Globalization.CultureInfo.InvariantCulture))
            : new StringValue(text);

    private static TemplateValue? Own(TemplateValue value, string name, RenderContext context)
    {
        switch (value)
        {
            case CallableValue callable:
                return callable.Attribute(context, name);
            case NamespaceValue ns:
                return ns.Attributes.Find(name);
            case TupleValue { Fields: { } fields } tuple when fields.ToList().IndexOf(name) is var at and >= 0:
                return tuple.Items[at];
            default:
                return MethodTable.Find(value, name) is { } method ? method.ToFunction(value) : MethodTable.Unsafe(value, name);
        }
    }

    private static TemplateValue? Key(TemplateValue value, TemplateValue key, RenderContext context)
    {
        if (value is DictValue dict)
        {
            return key is ListValue or DictValue or ViewValue ? null : dict.Find(key);
        }

        if (!NumberValues.TryInteger(key, out var number) || BigInteger.Abs(number) > int.MaxValue || Iteration.Length(value) is not { } length || value is ViewValue)
        {
            return null;
        }

        var index = (int)number;
        index = index < 0 ? index + length : index;
        if (index < 0 || index >= length)
        {
            return null;
        }

        return value switch
        {
            SequenceValue s => s.Items[index],
            RangeValue r => r[index],
            StringValue s => At(s, index, context),
            _ => null,
        };
    }

    private static StringValue At(StringValue value, int index, RenderContext context)
    {
        context.Budget.ChargeText(value.IsBasic ? 0 : value.Text.Length);
        var offset = CodePoints.Offset(value, index);
        return new StringValue(value.Text.Substring(offset, CodePoints.WidthAt(value.Text, offset)), value.IsMarkup);
    }

    private static UndefinedValue Missing(TemplateValue value, string name) => new($"{Describe(value)} has no attribute '{name}'");

    private static string Describe(TemplateValue value) => value is NoneValue ? "None" : $"'{value.TypeName} object'";
}
