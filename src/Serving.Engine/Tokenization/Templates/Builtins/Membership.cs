using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's <c>in</c> and its order, with NaN apart.</summary>
internal static class Membership
{
    /// <summary><c>value in container</c>.</summary>
    public static bool Contains(TemplateValue container, TemplateValue value, RenderContext context)
    {
        switch (container)
        {
            case StringValue text:
                context.Budget.ChargeSearch(text.Text.Length, value is StringValue s ? s.Text.Length : 0);
                return value is StringValue part
                    ? text.Text.Contains(part.Text, StringComparison.Ordinal)
                    : throw new TemplateFault($"'in <string>' requires string as left operand, not {value.TypeName}");
            case DictValue dict:
                return dict.Find(value) is not null;
            default:
                return Iteration.Enumerate(container, context).Any(item => ReferenceEquals(item, value) || Equality.AreEqual(item, value, context.Budget));
        }
    }

    /// <summary><c>x &lt; y</c> or <c>x &lt;= y</c>; a comparison with NaN is false.</summary>
    public static bool Less(TemplateValue x, TemplateValue y, RenderContext context, bool orEqual)
    {
        if (x is FloatValue { Number: double.NaN } && NumberValues.IsNumber(y) || y is FloatValue { Number: double.NaN } && NumberValues.IsNumber(x))
        {
            return false;
        }

        var order = Ordering.Compare(x, y, context.Budget);
        return orEqual ? order <= 0 : order < 0;
    }
}
