using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>
/// Validates values against schemas by the specification's own words, keyword by keyword, as simply as can be: it shares nothing with what it checks. Numbers are decimals, patterns .NET's.
/// References are those by pointer and by the names that published schemas use.
/// </summary>
internal sealed class PlainValidator(JsonElement root)
{
    private readonly bool _isOld = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("$schema", out var dialect) && Regex.IsMatch(dialect.GetString()!, "draft-0[3-7]");

    /// <summary>What the value breaks; null if nothing.</summary>
    public string? Complaint(JsonElement value) => Complaint(root, value, 0);

    private string? Complaint(JsonElement schema, JsonElement value, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > 200)
        {
            return schema.ValueKind == JsonValueKind.False ? "false" : null;
        }

        var hidesSiblings = _isOld && schema.TryGetProperty("$ref", out _);
        foreach (var keyword in schema.EnumerateObject().Where(keyword => !hidesSiblings || keyword.Name == "$ref"))
        {
            if (!Holds(schema, keyword.Name, keyword.Value, value, depth))
            {
                return $"{keyword.Name} {Short(keyword.Value.GetRawText())} is broken by {Short(value.GetRawText())}";
            }
        }

        return null;
    }

    private static string Short(string text) => text.Length > 200 ? text[..200] : text;

    private bool Holds(JsonElement schema, string keyword, JsonElement rule, JsonElement value, int depth)
    {
        bool Valid(JsonElement inner, JsonElement item) => Complaint(inner, item, depth + 1) is null;
        switch (keyword)
        {
            case "$ref":
                return Valid(Target(rule.GetString()!), value);
            case "allOf":
                return rule.EnumerateArray().All(inner => Valid(inner, value));
            case "anyOf":
                return rule.EnumerateArray().Any(inner => Valid(inner, value));
            case "oneOf":
                return rule.EnumerateArray().Count(inner => Valid(inner, value)) == 1;
            case "not":
                return !Valid(rule, value);
            case "if":
                return !schema.TryGetProperty(Valid(rule, value) ? "then" : "else", out var branch) || Valid(branch, value);
            case "enum":
                return rule.EnumerateArray().Any(constant => JsonElement.DeepEquals(constant, value));
            case "const":
                return JsonElement.DeepEquals(rule, value);
            case "type":
                return IsNullable(schema, value) || (rule.ValueKind == JsonValueKind.Array ? rule.EnumerateArray().Any(type => IsOf(type, value)) : IsOf(rule, value));
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => HoldsForObject(schema, keyword, rule, value, Valid),
            JsonValueKind.Array => HoldsForArray(schema, keyword, rule, value, Valid),
            JsonValueKind.String => HoldsForString(keyword, rule, value.GetString()!),
            JsonValueKind.Number => HoldsForNumber(schema, keyword, rule, value),
            _ => true,
        };
    }

    private static bool HoldsForObject(JsonElement schema, string keyword, JsonElement rule, JsonElement value, Func<JsonElement, JsonElement, bool> valid)
    {
        switch (keyword)
        {
            case "properties":
                return rule.EnumerateObject().All(property => !value.TryGetProperty(property.Name, out var member) || valid(property.Value, member));
            case "required" when rule.ValueKind == JsonValueKind.Array:
                return rule.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _));
            case "patternProperties":
                return rule.EnumerateObject().All(pattern => value.EnumerateObject().All(member => !Regex.IsMatch(member.Name, DotNet(pattern.Name)) || valid(pattern.Value, member.Value)));
            case "additionalProperties":
                return value.EnumerateObject().All(member => IsNamed(schema, member.Name) || valid(rule, member.Value));
            case "minProperties":
                return value.EnumerateObject().Select(member => member.Name).Distinct().Count() >= rule.GetDouble();
            case "maxProperties":
                return value.EnumerateObject().Select(member => member.Name).Distinct().Count() <= rule.GetDouble();
            case "propertyNames":
                return value.EnumerateObject().All(member => valid(rule, JsonSerializer.SerializeToElement(member.Name)));
            case "dependencies" or "dependentRequired" or "dependentSchemas":
                return rule.EnumerateObject().All(dependency => !value.TryGetProperty(dependency.Name, out _) || (dependency.Value.ValueKind == JsonValueKind.Array
                    ? dependency.Value.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _))
                    : valid(dependency.Value, value)));
            default:
                return true;
        }
    }

    private static bool IsNamed(JsonElement schema, string name) =>
        (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(name, out _))
        || (schema.TryGetProperty("patternProperties", out var patterns) && patterns.EnumerateObject().Any(pattern => Regex.IsMatch(name, DotNet(pattern.Name))));

    private static bool HoldsForArray(JsonElement schema, string keyword, JsonElement rule, JsonElement value, Func<JsonElement, JsonElement, bool> valid)
    {
        var prefix = schema.TryGetProperty("prefixItems", out var list) || (schema.TryGetProperty("items", out list) && list.ValueKind == JsonValueKind.Array) ? list.GetArrayLength() : 0;
        return keyword switch
        {
            "items" when rule.ValueKind != JsonValueKind.Array => value.EnumerateArray().Skip(prefix).All(item => valid(rule, item)),
            "additionalItems" when prefix > 0 => value.EnumerateArray().Skip(prefix).All(item => valid(rule, item)),
            "items" or "prefixItems" => value.EnumerateArray().Zip(rule.EnumerateArray()).All(pair => valid(pair.Second, pair.First)),
            "minItems" => value.GetArrayLength() >= rule.GetDouble(),
            "maxItems" => value.GetArrayLength() <= rule.GetDouble(),
            "uniqueItems" => rule.ValueKind != JsonValueKind.True || value.GetArrayLength() < 2,
            _ => true,
        };
    }

    private static bool HoldsForString(string keyword, JsonElement rule, string value) => keyword switch
    {
        "minLength" => value.EnumerateRunes().Count() >= rule.GetDouble(),
        "maxLength" => value.EnumerateRunes().Count() <= rule.GetDouble(),
        "pattern" => Regex.IsMatch(value, DotNet(rule.GetString()!)),
        "format" => rule.ValueKind != JsonValueKind.String || IsOfFormat(rule.GetString()!, value),
        _ => true,
    };

    private static bool IsOfFormat(string format, string value) => format switch
    {
        "date" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) || value.StartsWith("0000", StringComparison.Ordinal),
        "date-time" => DateTimeOffset.TryParse(Regex.Replace(value, @"(\.\d{1,7})\d*", "$1"), CultureInfo.InvariantCulture, out _) || Regex.IsMatch(value, "^(000[01]|9999)|[+-](1[4-9]|2)"),
        "uuid" => Guid.TryParseExact(value, "D", out _),
        "email" => System.Net.Mail.MailAddress.TryCreate(value, out _),
        "ipv4" => System.Net.IPAddress.TryParse(value, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork && value.Count(c => c == '.') == 3,
        "ipv6" => System.Net.IPAddress.TryParse(value, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
        "uri" => Regex.IsMatch(value, "^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]*$"),
        _ => true,
    };

    private static bool HoldsForNumber(JsonElement schema, string keyword, JsonElement rule, JsonElement value)
    {
        if (rule.ValueKind != JsonValueKind.Number || !decimal.TryParse(rule.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var limit)
            || !decimal.TryParse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
        {
            return true;
        }

        bool Flag(string name) => schema.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;
        return keyword switch
        {
            "minimum" => Flag("exclusiveMinimum") ? number > limit : number >= limit,
            "maximum" => Flag("exclusiveMaximum") ? number < limit : number <= limit,
            "exclusiveMinimum" => number > limit,
            "exclusiveMaximum" => number < limit,
            "multipleOf" => number % limit == 0,
            _ => true,
        };
    }

    private static bool IsNullable(JsonElement schema, JsonElement value) => value.ValueKind == JsonValueKind.Null && schema.TryGetProperty("nullable", out var nullable) && nullable.ValueKind == JsonValueKind.True;

    private static bool IsOf(JsonElement type, JsonElement value) => type.GetString() switch
    {
        "integer" => value.ValueKind == JsonValueKind.Number && decimal.TryParse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number % 1 == 0,
        "number" => value.ValueKind == JsonValueKind.Number,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "array" => value.ValueKind == JsonValueKind.Array,
        "object" => value.ValueKind == JsonValueKind.Object,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => false,
    };

    private JsonElement Target(string reference)
    {
        var target = root;
        foreach (var step in Uri.UnescapeDataString(reference[(reference.IndexOf('#', StringComparison.Ordinal) + 1)..]).Split('/').Skip(1))
        {
            var name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            target = target.ValueKind == JsonValueKind.Array ? target[int.Parse(name, CultureInfo.InvariantCulture)] : target.GetProperty(name);
        }

        return target;
    }

    // What .NET means otherwise: $ before a last new line too, \d beyond ASCII, \s without U+FEFF, the dot for all but a new line; it has no \_.
    private static string DotNet(string pattern)
    {
        var inBrackets = false;
        return Regex.Replace(pattern, @"\\.|[$.\[\]]", match =>
        {
            inBrackets = match.Value == "[" || (inBrackets && match.Value != "]");
            return match.Value switch
            {
                "$" when !inBrackets => @"\z",
                @"\d" => inBrackets ? "0-9" : "[0-9]",
                @"\s" => inBrackets ? @"\s\uFEFF" : @"[\s\uFEFF]",
                @"\_" => "_",
                "." when !inBrackets => @"[^\n\r\u2028\u2029]",
                "[" => "[",
                _ => match.Value,
            };
        });
    }
}
