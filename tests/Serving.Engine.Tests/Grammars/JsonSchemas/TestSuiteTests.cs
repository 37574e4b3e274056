using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Xunit;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>
/// The official test suite (json-schema-org/JSON-Schema-Test-Suite). Of each group's schema one of these holds: it is refused as not supported; or no invalid instance is taken. Which valid
/// ones are not taken (written in a way that is not one of the grammar's) is recorded with the rest in <c>Data</c>, so that every change shows.
/// </summary>
public class TestSuiteTests
{
    [Theory]
    [InlineData("draft2020-12", "https://json-schema.org/draft/2020-12/schema")]
    [InlineData("draft7", "http://json-schema.org/draft-07/schema#")]
    [InlineData("draft4", "http://json-schema.org/draft-04/schema#")]
    public void Read_OfTheOfficialSuite_TakesNothingInvalid(string draft, string dialect)
    {
        var lines = new List<string>();
        var wrong = new List<string>();
        foreach (var (name, groups) in SchemaArchive.Read("JSON-Schema-Test-Suite.tar.gz").Where(file => file.Key.StartsWith($"tests/{draft}/", StringComparison.Ordinal)))
        {
            foreach (var group in groups.EnumerateArray())
            {
                lines.Add($"{name[$"tests/{draft}/".Length..]} | {group.GetProperty("description").GetString()} | {Outcome(name, Dialected(group.GetProperty("schema"), dialect), group, wrong)}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Recorded.Check(Path.Combine("Grammars", "JsonSchemas", "Data", $"{draft}.txt"), lines);
    }

    private static string Outcome(string file, JsonElement schema, JsonElement group, List<string> wrong)
    {
        // Formats that are not kept, and what strings encode, are annotations, as in the latest draft.
        if (file.EndsWith("/content.json", StringComparison.Ordinal) || (file.Contains("/format/", StringComparison.Ordinal) && StringFormats.Find(schema.GetProperty("format").GetString()!) is null))
        {
            return "an annotation";
        }

        CompiledGrammar? grammar = null;
        try
        {
            var builder = new GrammarBuilder();
            grammar = CompiledGrammar.Compile(builder.Build(JsonSchemaGrammar.Read(schema, builder, "schema")));
        }
        catch (GrammarException exception) when (exception.IsNotSupported)
        {
            return $"not supported: {exception.Message}";
        }
        catch (GrammarException exception)
        {
            return Refused(file, group, exception, wrong);
        }

        var missed = new List<string>();
        foreach (var test in group.GetProperty("tests").EnumerateArray())
        {
            var isTaken = JsonTexts.InAnyOrder(test.GetProperty("data")).Any(text => TextMatcher.Accepts(grammar, text));
            if (isTaken && !test.GetProperty("valid").GetBoolean())
            {
                wrong.Add($"{file}: {group.GetProperty("description")}: {test.GetProperty("description")}: {test.GetProperty("data").GetRawText()} is taken by {schema.GetRawText()}");
            }
            else if (!isTaken && test.GetProperty("valid").GetBoolean())
            {
                missed.Add(test.GetProperty("description").GetString()!);
            }
        }

        return missed.Count == 0 ? "exact" : $"not taken: {string.Join("; ", missed)}";
    }

    // Schemas of older drafts in the suite do not say so.
    private static JsonElement Dialected(JsonElement schema, string dialect)
    {
        if (schema.ValueKind != JsonValueKind.Object || schema.TryGetProperty("$schema", out _))
        {
            return schema;
        }

        var node = JsonObject.Create(schema)!;
        node.Insert(0, "$schema", dialect);
        return JsonSerializer.SerializeToElement(node);
    }

    // A schema of the suite is well-formed: it is refused without being called unsupported only when nothing satisfies it, or when it leads back to itself.
    private static string Refused(string file, JsonElement group, GrammarException exception, List<string> wrong)
    {
        if (!exception.Message.Contains("no value satisfies", StringComparison.Ordinal) || group.GetProperty("tests").EnumerateArray().Any(test => test.GetProperty("valid").GetBoolean()))
        {
            wrong.Add($"{file}: {group.GetProperty("description")}: {exception.Message} {group.GetProperty("schema").GetRawText()}");
        }

        return $"refused: {exception.Message}";
    }
}
