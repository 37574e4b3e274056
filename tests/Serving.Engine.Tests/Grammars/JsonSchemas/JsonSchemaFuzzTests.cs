using System.Text.Json;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Xunit;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>
/// Schemas made up of random keywords with values that mostly fit them: they are read or refused by a typed exception and nothing else, and a random text of those that compile satisfies its schema.
/// </summary>
public class JsonSchemaFuzzTests
{
    private static readonly string[] Numbers = ["0", "1", "2", "3.5", "-1", "1e2", "10", "0.01", "7", "-0.5", "1e999", "123456789012345678901234567890", "2.0"];
    private static readonly string[] Counts = ["0", "1", "2", "3", "1e1", "400", "-1", "99999999999"];
    private static readonly string[] Patterns = ["^a+$", "b", "[", "^\\\\d{2,4}$", "(?=a)", "\\\\ud800", "^.{3}$", "x|^y$", "(a*b?)*"];
    private static readonly string[] Names = ["a", "b", "c", "\\u0000", "a/b~c", "é", "\\ud800", "$ref", ""];
    private static readonly string[] Constants = ["1", "\"a\"", "null", "true", "[1,{}]", "{\"a\":1}", "-2.0", "\"\\n\\\"\"", "\"\\ud800\"", "0"];
    private static readonly string[] References = ["#", "#/properties/a", "#/$defs/a", "#/$defs/b", "#anchor", "http://example.com/", "#/%zz", "b.json", "::", "#/allOf/0"];
    private static readonly string[] Types = ["\"object\"", "\"array\"", "\"string\"", "\"integer\"", "\"number\"", "\"null\"", "\"boolean\"", "[\"string\",\"null\"]", "[\"integer\",\"object\"]", "\"text\"", "1"];
    private static readonly string[] Formats = ["date", "uuid", "ipv6", "email", "unknown", "uri"];

    [Fact]
    public void Read_OfRandomKeywords_RefusesOrReadsAndKeepsToThem()
    {
        var (compiled, made, wrong) = (0, 0, new List<string>());
        for (var round = 0; round < 4_000; round++)
        {
            var random = new Random(round);
            var text = Schema(random, 0);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 256 });
            if (TryCompile(document.RootElement) is not { } grammar)
            {
                continue;
            }

            compiled++;
            if (RandomText.Make(grammar, random) is { } value)
            {
                made++;
                using var parsed = JsonDocument.Parse(value, new JsonDocumentOptions { MaxDepth = 1000 });
                if (new PlainValidator(document.RootElement).Complaint(parsed.RootElement) is { } complaint)
                {
                    wrong.Add($"{round}: {complaint}: {text}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(5)));
        Assert.InRange(compiled, 500, 3_500);
        Assert.InRange(made, compiled / 2, compiled);
    }

    private static CompiledGrammar? TryCompile(JsonElement schema)
    {
        try
        {
            var builder = new GrammarBuilder();
            return CompiledGrammar.Compile(builder.Build(JsonSchemaGrammar.Read(schema, builder, "schema")));
        }
        catch (GrammarException exception)
        {
            Assert.InRange(exception.Message.Length, 10, 5_000);
            return null;
        }
    }

    private static string Schema(Random random, int depth)
    {
        if (depth > 4 || random.Next(12) == 0)
        {
            return random.Next(4) == 0 ? "false" : random.Next(2) == 0 ? "true" : $$"""{"type":{{One(random, Types)}}}""";
        }

        var keywords = Enumerable.Range(0, random.Next(1, 4)).Select(_ => Keyword(random, depth + 1)).Append($"\"type\":{One(random, Types)}").DistinctBy(keyword => keyword.Split(':')[0]);
        return $"{{{string.Join(',', random.Next(3) == 0 ? keywords.SkipLast(1) : keywords)}}}";
    }

    private static string Keyword(Random random, int depth)
    {
        string Inner() => Schema(random, depth);
        string List() => $"[{string.Join(',', Enumerable.Range(0, random.Next(0, 4)).Select(_ => Inner()))}]";
        string Map(string[] names) => $"{{{string.Join(',', Enumerable.Range(0, random.Next(0, 4)).Select(_ => $"\"{One(random, names)}\":{Inner()}"))}}}";
        string Text(string[] values) => $"\"{One(random, values)}\"";
        return random.Next(26) switch
        {
            0 or 1 or 2 => $"\"properties\":{Map(Names)}",
            3 => $"\"required\":[{Text(Names)}]",
            4 => $"\"additionalProperties\":{Inner()}",
            5 => $"\"patternProperties\":{Map(Patterns)}",
            6 => $"\"items\":{Inner()}",
            7 => $"\"prefixItems\":{List()}",
            8 => $"\"minItems\":{One(random, Counts)}",
            9 => $"\"maxItems\":{One(random, Counts)}",
            10 => $"\"minLength\":{One(random, Counts)}",
            11 => $"\"maxLength\":{One(random, Counts)}",
            12 => $"\"pattern\":{Text(Patterns)}",
            13 => $"\"minimum\":{One(random, Numbers)}",
            14 => $"\"exclusiveMaximum\":{One(random, Numbers)}",
            15 => $"\"multipleOf\":{One(random, Numbers)}",
            16 => $"\"enum\":[{One(random, Constants)},{One(random, Constants)}]",
            17 => $"\"anyOf\":{List()}",
            18 => $"\"oneOf\":{List()}",
            19 => $"\"allOf\":{List()}",
            20 => $"\"not\":{Inner()}",
            21 => $"\"$ref\":{Text(References)}",
            22 => $"\"if\":{Inner()},\"then\":{Inner()}",
            23 => $"\"dependencies\":{Map(Names)}",
            24 => $"\"{(random.Next(2) == 0 ? "min" : "max")}Properties\":{One(random, Counts)}",
            _ => $"\"format\":{Text(Formats)}",
        };
    }

    private static string One(Random random, string[] values) => values[random.Next(values.Length)];
}
