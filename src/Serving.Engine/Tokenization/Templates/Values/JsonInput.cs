using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Turns a request's JSON into values as Python's <c>json.loads</c> does, guarding the strings.</summary>
internal sealed class JsonInput(Func<string, string>? guardText, RenderBudget budget)
{
    /// <summary>Digits an integer may have, as many as <see cref="IntValue.MaxBits"/> holds.</summary>
    private const int MaxDigits = 1200;

    /// <summary>Characters of all strings and numbers read so far, and one per value.</summary>
    public long Characters { get; private set; }

    /// <summary>Reads one value.</summary>
    public TemplateValue Read(JsonElement element, int depth = 0)
    {
        RenderBudget.CheckDepth(depth);
        Characters++;
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                var text = ReadText(element);
                return new StringValue(Count(guardText is null ? text : guardText(text)));
            case JsonValueKind.Number:
                return ReadNumber(element.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return BoolValue.Of(element.ValueKind == JsonValueKind.True);
            case JsonValueKind.Array:
                var items = new List<TemplateValue>(element.GetArrayLength());
                foreach (var item in element.EnumerateArray())
                {
                    items.Add(Read(item, depth + 1));
                }

                return new ListValue(items);
            case JsonValueKind.Object:
                return ReadObject(element, depth);
            default:
                return NoneValue.Instance;
        }
    }

    private static string ReadText(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new TemplateFault("a string of the input is not valid Unicode");
        }
    }

    private static TemplateValue ReadNumber(string text)
    {
        if (text.AsSpan().IndexOfAny(".eE") >= 0)
        {
            return new FloatValue(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture));
        }

        return text.Length <= MaxDigits
            ? new IntValue(BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
            : throw new TemplateFault($"an integer of the input has more than {MaxDigits} digits");
    }

    private DictValue ReadObject(JsonElement element, int depth)
    {
        var dict = new DictValue(budget);
        foreach (var property in element.EnumerateObject())
        {
            string name;
            try
            {
                name = property.Name;
            }
            catch (InvalidOperationException)
            {
                throw new TemplateFault("a key of the input is not valid Unicode");
            }

            dict.Set(Count(name), Read(property.Value, depth + 1));
        }

        return dict;
    }

    private string Count(string text)
    {
        Characters += text.Length;
        return text;
    }
}
