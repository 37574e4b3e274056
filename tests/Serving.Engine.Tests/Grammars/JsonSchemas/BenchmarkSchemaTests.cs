using System.Text.Json;
using System.Text.RegularExpressions;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Xunit;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>
/// The schemas of JSONSchemaBench: how many compile, recorded by data set with what the others are refused for. Of those that do, texts are made up by a random walk, and each must satisfy its schema
/// by a validator that knows nothing of grammars.
/// </summary>
public partial class BenchmarkSchemaTests
{
    [Theory]
    [InlineData("Glaiveai2K", 0.99)]
    [InlineData("Github_trivial", 0.9)]
    [InlineData("Github_easy", 0.9)]
    [InlineData("Github_medium", 0.8)]
    public void Read_OfPublishedSchemas_CompilesMostAndKeepsToThem(string set, double floor)
    {
        var refusals = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var wrong = new List<string>();
        var (compiled, total, walked) = (0, 0, 0);
        foreach (var (name, schema) in SchemaArchive.Read($"jsonschemabench-{set}.tar.gz"))
        {
            total++;
            try
            {
                var builder = new GrammarBuilder();
                var grammar = CompiledGrammar.Compile(builder.Build(JsonSchemaGrammar.Read(schema, builder, "schema")));
                compiled++;
                walked += Walk(name, schema, grammar, wrong);
            }
            catch (GrammarException exception)
            {
                var kind = Kind(exception.Message);
                refusals[kind] = refusals.GetValueOrDefault(kind) + 1;
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(compiled >= floor * total, $"{compiled} of {total} compile");
        Assert.True(walked > compiled / 2, $"only {walked} texts were made up");
        Recorded.Check(
            Path.Combine("Grammars", "JsonSchemas", "Data", $"{set}.txt"),
            [$"{compiled} of {total} compile", .. refusals.OrderByDescending(refusal => refusal.Value).Select(refusal => $"{refusal.Value} | {refusal.Key}")]);
    }

    private static int Walk(string name, JsonElement schema, CompiledGrammar grammar, List<string> wrong)
    {
        var made = 0;
        for (var seed = 0; seed < 1; seed++)
        {
            if (RandomText.Make(grammar, new Random(seed)) is not { } text)
            {
                continue;
            }

            made++;
            using var value = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 1000 });
            if (new PlainValidator(schema).Complaint(value.RootElement) is { } complaint)
            {
                wrong.Add($"{name}: {complaint}: {text}");
            }
        }

        return made;
    }

    // Without the place and the numbers.
    private static string Kind(string message) => Place().Replace(message, "$1");

    [GeneratedRegex("^schema: #?[^:]*?/?([^/: ]+(?: |:))")]
    private static partial Regex Place();
}
