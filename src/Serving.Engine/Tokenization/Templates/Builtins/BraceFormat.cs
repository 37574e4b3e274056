using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's <c>str.format</c>, reading attributes and keys through the sandbox.</summary>
internal static class BraceFormat
{
    /// <summary>Fields inside the specifiers of fields, as Python allows.</summary>
    private const int MaxNesting = 2;

    /// <summary>Formats <paramref name="format"/> with the arguments of a call, or the keys of <paramref name="mapping"/>.</summary>
    public static StringValue Format(string format, CallArguments arguments, RenderContext context, TemplateValue? mapping = null)
    {
        var text = new BudgetedText(context.Budget);
        var automatic = 0;
        Write(format, text, name => Argument(name, arguments, mapping, context, ref automatic), context, MaxNesting);
        return text.ToValue();
    }

    private static void Write(string format, BudgetedText text, Func<string, TemplateValue> argument, RenderContext context, int nesting)
    {
        if (nesting == 0)
        {
            throw new TemplateFault("a format nests its fields too deep");
        }

        for (var at = 0; at < format.Length; at++)
        {
            var c = format[at];
            if (c is not ('{' or '}'))
            {
                text.Append(c);
            }
            else if (at + 1 < format.Length && format[at + 1] == c)
            {
                text.Append(c);
                at++;
            }
            else
            {
                var end = c == '{' ? FieldEnd(format, at) : -1;
                if (end < 0)
                {
                    throw new TemplateFault($"a format has a single '{c}'");
                }

                text.Append(Field(format[(at + 1)..end], argument, context, nesting));
                at = end;
            }
        }
    }

    private static int FieldEnd(string format, int open)
    {
        var depth = 0;
        for (var at = open; at < format.Length; at++)
        {
            depth += format[at] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0)
            {
                return at;
            }
        }

        return -1;
    }

    private static string Field(string field, Func<string, TemplateValue> argument, RenderContext context, int nesting)
    {
        context.Budget.Charge();
        var colon = field.AsSpan().IndexOf(':');
        var name = colon < 0 ? field : field[..colon];
        var spec = colon < 0 ? string.Empty : field[(colon + 1)..];
        var conversion = name.Length >= 2 && name[^2] == '!' ? name[^1] : '\0';
        var value = argument(conversion == '\0' ? name : name[..^2]);
        value = conversion switch
        {
            '\0' => value,
            'r' or 'a' => new StringValue(PythonText.Repr(value, context.Budget)),
            's' => new StringValue(PythonText.Str(value, context.Budget)),
            _ => throw new TemplateFault($"unknown conversion '{conversion}' in a format"),
        };
        if (spec.Contains('{', StringComparison.Ordinal))
        {
            var inner = new BudgetedText(context.Budget);
            Write(spec, inner, argument, context, nesting - 1);
            spec = inner.ToString();
        }

        return spec.Length == 0 ? PythonText.Str(value, context.Budget) : FormatSpec.Parse(spec).Apply(value, context.Budget);
    }

    private static TemplateValue Argument(string field, CallArguments arguments, TemplateValue? mapping, RenderContext context, ref int automatic)
    {
        var end = field.AsSpan().IndexOfAny('.', '[') is var at and >= 0 ? at : field.Length;
        var name = field[..end];
        TemplateValue? value;
        if (name.Length == 0 || name.All(char.IsAsciiDigit))
        {
            var index = name.Length == 0 ? automatic++ : name.Length < 6 ? int.Parse(name, System.Globalization.CultureInfo.InvariantCulture) : int.MaxValue;
            value = index < arguments.Positional.Count ? arguments.Positional[index] : null;
        }
        else
        {
            value = mapping is null ? arguments.Find(name) : MemberAccess.GetItem(mapping, new StringValue(name), context);
        }

        return Walk(value ?? throw new TemplateFault($"a format names the argument '{name}', which is not given"), field[end..], context);
    }

    private static TemplateValue Walk(TemplateValue value, string path, RenderContext context)
    {
        for (var at = 0; at < path.Length;)
        {
            context.Budget.Charge();
            if (path[at] == '[' && path.IndexOf(']', at) is var close and > 0)
            {
                var key = path[(at + 1)..close];
                value = MemberAccess.GetItem(value, key.Length is > 0 and < 10 && key.All(char.IsAsciiDigit) ? new IntValue(int.Parse(key, System.Globalization.CultureInfo.InvariantCulture)) : new StringValue(key), context);
                at = close + 1;
            }
            else if (path[at] == '.')
            {
                var end = path.AsSpan(at + 1).IndexOfAny('.', '[') is var next and >= 0 ? at + 1 + next : path.Length;
                value = MemberAccess.Get(value, path[(at + 1)..end], context);
                at = end;
            }
            else
            {
                throw new TemplateFault("a format has an invalid field");
            }
        }

        return value;
    }
}
