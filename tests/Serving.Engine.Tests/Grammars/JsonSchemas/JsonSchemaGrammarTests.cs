using System.Globalization;
using System.Text.Json;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Xunit;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

public class JsonSchemaGrammarTests
{
    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"],"additionalProperties":false}""",
        """{"b":""} | {"a":1,"b":"x"} | { "a": 1, "b": "x" }""",
        """{} | {"a":1} | {"b":"x","a":1} | {"b":"","c":1} | {"a":1,"a":1,"b":""}""")]
    [InlineData("""{"properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}},"type":"object"}""",
        """{} | {"a":1} | {"b":1} | {"c":1} | {"a":1,"c":1} | {"b":1,"c":1} | {"a":1,"b":1,"c":1,"d":null,"e":[]} | {"d":{}}""",
        """{"a":"x"} | {"d":1,"a":"x"} | {"d":1,"a":1} | {"\u0061":"x"} | {,} | {"a":1,}""")]
    [InlineData("""{"type":"object","required":["x"],"properties":{"y":{"type":"null"}}}""", """{"x":1} | {"y":null,"x":[]}""", """{"y":null} | {"x":1,"y":null}""")]
    [InlineData("""{"type":"object","properties":{"a":{},"b":{}},"additionalProperties":false,"minProperties":1}""", """{"a":1} | {"b":1} | {"a":1,"b":1}""", "{}")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"},"maxProperties":2}""", """{} | {"a":1} | {"a":1,"b":2}""", """{"a":1,"b":2,"c":3} | {"a":""}""")]
    [InlineData("""{"type":"object","properties":{"a":{},"b":{}},"maxProperties":1}""", """{} | {"a":1} | {"b":1} | {"c":1}""", """{"a":1,"b":1} | {"c":1,"d":1}""")]
    [InlineData("""{"type":"object","properties":{"a":{}},"patternProperties":{"^n":{"type":"integer"}},"additionalProperties":{"type":"boolean"}}""",
        """{"a":"x","n1":1,"z":true} | {"n":2}""", """{"n1":true} | {"z":1}""")]
    [InlineData("""{"type":"object","propertyNames":{"pattern":"^[a-z]+$"}}""", """{"ab":1} | {}""", """{"A":1}""")]
    [InlineData("""{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1,"maxItems":3}""",
        """[1] | [1,"a"] | [1,"a",null]""", """[] | ["a"] | [1,null] | [1,"a",null,null]""")]
    [InlineData("""{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":1500}""", "[1,2] | [1, 2]", "[] | [1]")]
    [InlineData("""{"type":["string","null"],"minLength":2,"maxLength":3}""", """null | "ab" | "a\u00e9\n" | "\ud83d\ude00\ud83d\ude00" """, """ "a" | "abcd" """)]
    [InlineData("""{"type":"string","pattern":"^a+$","maxLength":3}""", """ "a" | "aaa" """, """ "" | "aaaa" | "ab" """)]
    [InlineData("""{"type":"string","pattern":"\"|\\\\"}""", """ "\"" | "x\\y" """, """ "x" """)]
    [InlineData("""{"type":"integer","minimum":-3,"exclusiveMaximum":12}""", "-3 | 0 | 11", "-4 | 12 | 1.5 | -10")]
    [InlineData("""{"type":"number","minimum":0.5,"maximum":2}""", "0.5 | 1 | 1.99 | 2 | 2.0", "0.49 | 2.01 | 1e0 | -1")]
    [InlineData("""{"enum":[1,"a",null,{"k":[true]}],"type":["string","object"]}""", """ "a" | {"k":[true]} | {"k": [true]}""", "1 | null")]
    [InlineData("""{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/n"}},"required":["v"],"additionalProperties":false}},"$ref":"#/$defs/n"}""",
        """{"v":1} | {"v":1,"next":{"v":2,"next":{"v":3}}}""", """{"v":1,"next":{}} | {"next":{"v":1}}""")]
    [InlineData("""{"type":"object","properties":{"k":{},"a":{"type":"integer"},"b":{"type":"integer"}},"oneOf":[{"properties":{"k":{"const":"a"}},"required":["k","a"]},{"properties":{"k":{"const":"b"}},"required":["k","b"]}],"additionalProperties":false}""",
        """{"k":"a","a":1} | {"k":"b","b":1} | {"k":"b","a":1,"b":1}""", """{"k":"a","b":1} | {"a":1} | {"k":"c","a":1,"b":1}""")]
    [InlineData("""{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}""", """{"a":1} | {"b":1} | {"a":1,"c":1}""", """{} | {"a":1,"b":1} | {"b":1,"a":1}""")]
    [InlineData("""{"type":"object","required":["r"],"properties":{"r":{"type":"number"}},"oneOf":[{"properties":{"s":{"enum":["x"]}}},{"properties":{"s":{"enum":["y"]}}}]}""",
        """{"r":1,"s":"x"} | {"r":1,"s":"y"}""", """{"r":1} | {"r":1,"s":"z"} | {"s":"x"}""")]
    [InlineData("""{"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]}}""", """{} | {"b":1} | {"a":1,"b":1}""", """{"a":1}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{}},"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"required":["b"]}}""",
        """{"a":2} | {"a":1,"b":1} | {}""", """{"a":1}""")]
    [InlineData("""{"type":"string","not":{"enum":["a","b"]}}""", """ "c" | "" """, """ "a" | "b" """)]
    [InlineData("""{"type":"string","not":{"pattern":"^x"}}""", """ "ax" """, """ "xa" """)]
    [InlineData("""{"type":"string","nullable":true}""", """null | "a" """, "1")]
    [InlineData("""{"allOf":[{"type":"object","properties":{"a":{"minimum":1}}},{"properties":{"a":{"type":"integer"}},"required":["a"]}]}""", """{"a":1}""", """{"a":0} | {"a":1.5} | {}""")]
    [InlineData("""{"type":"string","format":"date"}""", """ "2024-02-29" """, """ "2023-02-29" | "2024-13-01" """)]
    [InlineData("""{"type":"string","format":"no-such-format"}""", """ "" | "x" """, "1")]
    [InlineData("""{"type":"object","required":["r"],"oneOf":[{"properties":{"d":{"required":["x"]},"s":{"const":"a"}}},{"properties":{"d":{"required":["y"]},"s":{"const":"b"}}}]}""",
        """{"s":"a","r":1} | {"d":{"x":1},"s":"a","r":1}""", """{"r":1} | {"s":"c","r":1} | {"d":{"y":1},"s":"a","r":1}""")]
    [InlineData("""{"oneOf": [{"properties": {"dimensions": {"properties": {"base": {"not": {}}, "height": {"not": {}}, "length": {"not": {}}, "width": {"not": {}}}, "required": ["radius"]}, "shape": {"enum": ["circle"]}}}, {"properties": {"dimensions": {"properties": {"base": {"not": {}}, "height": {"not": {}}, "radius": {"not": {}}}, "required": ["length", "width"]}, "shape": {"enum": ["rectangle"]}}}, {"properties": {"dimensions": {"properties": {"length": {"not": {}}, "radius": {"not": {}}, "width": {"not": {}}}, "required": ["base", "height"]}, "shape": {"enum": ["triangle"]}}}], "properties": {"base": {"description": "The base of the triangle", "type": "number"}, "height": {"description": "The height of the triangle", "type": "number"}, "length": {"description": "The length of the rectangle", "type": "number"}, "radius": {"description": "The radius of the circle", "type": "number"}, "width": {"description": "The width of the rectangle", "type": "number"}}, "required": ["radius"], "type": "object"}""",
        """{"radius":1,"shape":"circle"}""", """{"radius":1}""")]
    [InlineData("true", """1 | {} | [null] | "x" """, "")]
    public void Read_OfASchema_TakesWhatSatisfiesItInItsOrder(string schema, string taken, string refused)
    {
        var grammar = Compile(schema);
        foreach (var (texts, expected) in new[] { (taken, true), (refused, false) })
        {
            foreach (var text in texts.Split(" | ", StringSplitOptions.TrimEntries))
            {
                Assert.True(expected == TextMatcher.Accepts(grammar, text), $"{text} must be {(expected ? "taken" : "refused")}");
            }
        }
    }

    [Theory]
    [InlineData("""{"type":"array","uniqueItems":true}""", "schema: #/uniqueItems is not supported.")]
    [InlineData("""{"properties":{"a":{"contains":{}}}}""", "schema: #/properties/a/contains is not supported.")]
    [InlineData("""{"items":{"$ref":"http://example.com/x.json"}}""", "#/items/$ref is not supported: it leads out of the schema")]
    [InlineData("""{"$dynamicRef":"#a"}""", "#/$dynamicRef is not supported.")]
    [InlineData("""{"pattern":"(?=a)"}""", "#/pattern: the pattern has lookaround at position 0, which is not supported.")]
    [InlineData("""{"type":"integer","multipleOf":7}""", "#/multipleOf is not supported")]
    [InlineData("""{"oneOf":[{"type":"number"},{"multipleOf":2}]}""", "#/oneOf is not supported")]
    public void Read_OfWhatIsNotDone_NamesThePlaceAndTheKeyword(string schema, string expected)
    {
        var exception = Assert.Throws<GrammarException>(() => Compile(schema));
        Assert.True(exception.IsNotSupported);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", "a schema is an object or a boolean")]
    [InlineData("""{"type":"text"}""", "#/type names no type")]
    [InlineData("""{"properties":[]}""", "#/properties is no object")]
    [InlineData("""{"minLength":-1}""", "#/minLength is no whole number")]
    [InlineData("""{"properties":{"a/b~c":{"enum":1}}}""", "#/properties/a~1b~0c/enum is no array")]
    [InlineData("""{"$ref":"#"}""", "#/$ref leads back to itself")]
    [InlineData("""{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"}""", "leads back to itself")]
    [InlineData("""{"$ref":"#/$defs/a"}""", "#/$ref leads to no schema")]
    [InlineData("""{"pattern":"("}""", "#/pattern: the pattern is malformed")]
    [InlineData("""{"type":"string","enum":[1,2]}""", "there is none for #.")]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"type":"string","minLength":2,"maxLength":1}}}""", "there is none for #/properties/a.")]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}}""", "no value satisfies")]
    [InlineData("""{"type":"string","pattern":"^a$","minLength":2}""", "No text satisfies")]
    public void Read_OfAMalformedOrEmptySchema_NamesThePlace(string schema, string expected)
    {
        var exception = Assert.Throws<GrammarException>(() => Compile(schema));
        Assert.False(exception.IsNotSupported);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfManyOptionalProperties_StaysSmall()
    {
        var properties = string.Join(',', Enumerable.Range(0, 200).Select(i => $$"""
            "p{{i}}":{"type":"integer"}
            """));
        var grammar = Compile($$"""{"type":"object","additionalProperties":false,"properties":{ {{properties}} } }""");
        Assert.InRange(grammar.States, 1000, 20_000);
        Assert.True(TextMatcher.Accepts(grammar, """{"p3":1,"p199":2}"""));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Read_OfASchemaThatExpandsWithoutBound_IsRefused(int kind)
    {
        // References that double at every step, alternatives that multiply, nesting in itself, all of 64 KiB.
        var schema = kind switch
        {
            0 => """{"$defs":{"a40":{},"b40":{},""" + string.Join(',', Enumerable.Range(0, 40).Select(Doubling))
                + """},"anyOf":[{"oneOf":[""" + string.Join(',', Enumerable.Repeat("""{"$ref":"#/$defs/a0"}""", 300)) + "]}]}",
            1 => """{"type":"object","allOf":[""" + string.Join(',', Enumerable.Range(0, 40).Select(Either)) + "]}",
            2 => string.Concat(Enumerable.Repeat("""{"items":""", 100)) + "{}" + new string('}', 100),
            _ => $$"""{"description":"{{new string('x', SchemaLimits.Length)}}"}""",
        };
        Assert.Throws<GrammarException>(() => Compile(schema));

        static string Either(int i) => """{"anyOf":[{"required":["a#"]},{"required":["b#"]}]}""".Replace("#", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

        static string Doubling(int i) => """
            "a@":{"properties":{"x":{"allOf":[{"$ref":"#/$defs/a!"},{"$ref":"#/$defs/b!"}]},"y":{"$ref":"#/$defs/a!"}}},
            "b@":{"properties":{"x":{"$ref":"#/$defs/a!"},"y":{"allOf":[{"$ref":"#/$defs/b!"}]}}}
            """.Replace("@", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal).Replace("!", (i + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfALongChainOfReferences_TakesNoStack()
    {
        const int Links = 2000;
        var links = string.Join(',', Enumerable.Range(0, Links).Select(i => $$"""
            "{{i}}":{"$ref":"#/$defs/{{i + 1}}"}
            """.Trim()));
        var grammar = Compile($$"""{"$defs":{ {{links}},"{{Links}}":{"type":"null"} },"$ref":"#/$defs/0"}""");
        Assert.True(TextMatcher.Accepts(grammar, "null"));
    }

    [Fact]
    public void Read_InCompactStyle_TakesNoWhiteSpace()
    {
        var grammar = Compile("""{"type":"object","properties":{"a":{}}}""", JsonStyle.Compact);
        Assert.True(TextMatcher.Accepts(grammar, """{"a":[1,2]}"""));
        Assert.False(TextMatcher.Accepts(grammar, """{"a": 1}"""));
        Assert.False(TextMatcher.Accepts(grammar, """{ "a":1}"""));
    }

    private static CompiledGrammar Compile(string schema, JsonStyle style = JsonStyle.Spaced)
    {
        using var document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = 256 });
        var builder = new GrammarBuilder();
        return CompiledGrammar.Compile(builder.Build(JsonSchemaGrammar.Read(document.RootElement, builder, "schema", style)));
    }
}
