using System.Text.RegularExpressions;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>Checks an object against the schema of its custom resource definition: unknown and missing fields, types, ranges, words and patterns.</summary>
internal static class CustomResource
{
    /// <summary>Checks the spec of an object.</summary>
    /// <param name="item">The object.</param>
    /// <param name="definition">The file of its definition.</param>
    /// <param name="version">Its version.</param>
    public static void Check(YamlFile item, string definition, string version)
    {
        var versions = YamlFile.ReadFile(definition)["spec/versions"].Items;
        var schema = Assert.Single(versions, candidate => candidate["name"].Text == version)["schema/openAPIV3Schema/properties/spec"];
        Assert.Empty(Errors(item["spec"], schema, "spec"));
    }

    /// <summary>What does not fit, one line each.</summary>
    public static IEnumerable<string> Errors(YamlFile value, YamlFile schema, string at) => (schema.Has("type") ? schema["type"].Text : "any") switch
    {
        "object" => OfObject(value, schema, at),
        "array" => value.IsList ? value.Items.SelectMany((item, i) => Errors(item, schema["items"], $"{at}/{i}")) : [$"{at}: not a list"],
        "any" => [],
        _ => OfScalar(value, schema, at),
    };

    private static IEnumerable<string> OfObject(YamlFile value, YamlFile schema, string at)
    {
        if (schema.Has("additionalProperties") || !schema.Has("properties"))
        {
            return [];
        }

        var known = schema["properties"];
        return value.Keys.SelectMany(key => known.Has(key) ? Errors(value[key], known[key], $"{at}/{key}") : [$"{at}: unknown field {key}"])
            .Concat(schema.Has("required") ? schema["required"].Items.Where(field => !value.Has(field.Text)).Select(field => $"{at}: {field.Text} is missing") : []);
    }

    private static IEnumerable<string> OfScalar(YamlFile value, YamlFile schema, string at)
    {
        if (schema["type"].Text == "integer" && (!int.TryParse(value.Text, out var number)
            || (schema.Has("minimum") && number < schema["minimum"].Number) || (schema.Has("maximum") && number > schema["maximum"].Number)))
        {
            yield return $"{at}: {value.Text} is not a number in range";
        }

        if (schema.Has("enum") && schema["enum"].Items.All(word => word.Text != value.Text))
        {
            yield return $"{at}: {value.Text} is none of the words";
        }

        if (schema.Has("pattern") && !Regex.IsMatch(value.Text, schema["pattern"].Text))
        {
            yield return $"{at}: {value.Text} does not match";
        }
    }
}
