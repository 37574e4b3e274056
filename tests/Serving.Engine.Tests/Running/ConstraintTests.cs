using System.Text.Json;
using System.Text.RegularExpressions;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Demo;

namespace Serving.Engine.Tests.Running;

/// <summary>Answers under constraints, by a whole engine with the bundled model, which by itself would hardly ever give such answers.</summary>
public sealed class ConstraintTests
{
    private const string Person = """
        {"type": "object", "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": {"enum": ["a", "b", "long tag"]}, "maxItems": 3},
            "boss": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 5}]}},
         "required": ["name", "age", "boss"], "additionalProperties": false}
        """;

    [Fact]
    public async Task Pattern_AtAnyTemperature_IsMatchedByEveryAnswer()
    {
        const string Pattern = "(red|green|blue) [a-f]{3,8}-[0-9]{2,4}( é{1,3})?";
        await using var engine = RunningEngine.Start();
        var requests = Enumerable.Range(0, 24).Select(i => Ask(new PatternConstraint(Pattern, "guided_regex"), i) with { Choices = 1 + (i % 3) });
        foreach (var answer in (await Task.WhenAll(requests.Select(engine.RunAsync))).SelectMany(answers => answers))
        {
            Assert.Equal(FinishReason.Stop, answer.Reason);
            Assert.Matches($"^(?:{Pattern})$", answer.Text);
        }

        await engine.QuiesceAsync();
    }

    [Theory]
    [InlineData("root ::= sum\nsum ::= sum [-+*] atom | atom\natom ::= [1-9] [0-9]{0,2} | \"(\" sum \")\"\n")]
    [InlineData("start: sum\n?sum: sum (\"+\" | \"-\" | \"*\") atom -> op\n    | atom\natom: N | \"(\" sum \")\"\nN: /[1-9][0-9]{0,2}/")]
    public async Task Grammar_ThatNestsWithoutBound_IsFollowedByEveryAnswer(string grammar)
    {
        await using var engine = RunningEngine.Start();
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => engine.RunAsync(Ask(new GrammarConstraint(grammar, "grammar"), i, 120))));
        foreach (var answer in answers.SelectMany(answer => answer).Where(answer => answer.Reason == FinishReason.Stop))
        {
            // Whatever nests is taken out from the inside, until a number is left.
            var text = answer.Text;
            for (var before = ""; before != text;)
            {
                before = text;
                text = Regex.Replace(text, "^[1-9][0-9]{0,2}([-+*][1-9][0-9]{0,2})*$|\\([1-9][0-9]{0,2}([-+*][1-9][0-9]{0,2})*\\)", "1");
            }

            Assert.Equal("1", text);
        }

        Assert.Contains(answers, answer => answer[0].Reason == FinishReason.Stop);
    }

    [Fact]
    public async Task Choice_OfTexts_IsOneOfThemAndEndsWithIt()
    {
        string[] choices = ["yes", "no", "not at all"];
        await using var engine = RunningEngine.Start();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => engine.RunAsync(Ask(new ChoiceConstraint(choices, "guided_choice"), i))));
        Assert.All(answers, answer => Assert.Contains(answer[0].Text, choices));
        Assert.All(answers, answer => Assert.Equal((FinishReason.Stop, null), (answer[0].Reason, answer[0].Stop)));
        Assert.True(answers.Select(answer => answer[0].Text).Distinct().Count() > 1);
        var compiled = new long[engine.Client.Statistics.ConstraintCompileTime.Bounds.Length + 1];
        engine.Client.Statistics.ConstraintCompileTime.Read(compiled);
        Assert.Equal(answers.Length, compiled.Sum() + engine.Client.Statistics.ConstraintCacheHits);
        Assert.True(engine.Client.Statistics.ConstraintCacheHits > 0);
    }

    [Fact]
    public async Task JsonSchema_OfAnObject_IsKept()
    {
        var schema = JsonSerializer.Deserialize<JsonElement>(Person);
        await using var engine = RunningEngine.Start();
        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => engine.RunAsync(Ask(new JsonSchemaConstraint(schema, "response_format"), i, 200))));
        foreach (var answer in answers)
        {
            Assert.Equal(FinishReason.Stop, answer[0].Reason);
            using var json = JsonDocument.Parse(answer[0].Text);
            Assert.InRange(json.RootElement.GetProperty("age").GetInt32(), 0, 150);
            Assert.InRange(json.RootElement.GetProperty("name").GetString()!.EnumerateRunes().Count(), 0, 12);
            Assert.True(json.RootElement.GetProperty("boss").ValueKind is JsonValueKind.Null or JsonValueKind.String);
            Assert.Empty(json.RootElement.EnumerateObject().Select(property => property.Name).Except(["name", "age", "tags", "boss"]));
        }
    }

    [Fact]
    public async Task JsonObject_OfAnyKind_IsJsonUnlessItIsCutOff()
    {
        await using var engine = RunningEngine.Start();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => engine.RunAsync(Ask(new JsonObjectConstraint("response_format"), i, 120) with { Temperature = 0.8f })));
        foreach (var answer in answers)
        {
            Assert.StartsWith("{", answer[0].Text, StringComparison.Ordinal);
            if (answer[0].Reason == FinishReason.Stop)
            {
                using var json = JsonDocument.Parse(answer[0].Text);
                Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
            }
            else
            {
                Assert.Equal(FinishReason.Length, answer[0].Reason);
            }
        }
    }

    /// <summary>Tokens of a forbidden kind are drawn neither with a bias for them nor by penalties that would leave nothing else.</summary>
    [Fact]
    public async Task Pattern_BesideBiasAndPenalties_IsKept()
    {
        await using var engine = RunningEngine.Start();
        var bias = Enumerable.Range(0, 250).ToDictionary(token => token, _ => 100f);
        var request = Ask(new PatternConstraint("(ab){20}", "guided_regex"), 1) with { LogitBias = bias, RepetitionPenalty = 2, FrequencyPenalty = 2, PresencePenalty = 2 };
        Assert.Equal(string.Concat(Enumerable.Repeat("ab", 20)), (await engine.RunAsync(request))[0].Text);
    }

    [Fact]
    public async Task Answers_WithoutAndWithTheSameConstraint_StandBesideEachOther()
    {
        await using var engine = RunningEngine.Start();
        var cases = ReferenceCase.Of("pirate").Take(8).ToList();
        var free = cases.Select(reference => engine.RunAsync(RunningEngine.Chat("pirate", reference.Messages))).ToList();
        var constrained = Enumerable.Range(0, 8).Select(i => engine.RunAsync(Ask(new PatternConstraint("[xyz]{30}", "guided_regex"), i))).ToList();
        for (var i = 0; i < cases.Count; i++)
        {
            Assert.Equal(cases[i].OutputText, (await free[i])[0].Text);
            Assert.Matches("^[xyz]{30}$", (await constrained[i])[0].Text);
        }
    }

    [Fact]
    public async Task Submit_OfAConstraintThatCannotBeKept_IsRefusedByItsField()
    {
        await using var engine = RunningEngine.Start();
        await RefusedAsync(new PatternConstraint("(", "guided_regex"), RequestError.InvalidRequest);
        await RefusedAsync(new PatternConstraint("(a)\\1", "guided_regex"), RequestError.NotSupported);
        await RefusedAsync(new GrammarConstraint("root ::= (", "grammar"), RequestError.InvalidRequest);
        await RefusedAsync(new GrammarConstraint("root ::= root \"a\"", "grammar"), RequestError.InvalidRequest);
        await RefusedAsync(new GrammarConstraint("start: <|end|>", "grammar"), RequestError.NotSupported);
        await RefusedAsync(new StructuralTagConstraint(JsonSerializer.SerializeToElement(new { format = 7 }), "response_format"), RequestError.InvalidRequest);
        await RefusedAsync(new ChoiceConstraint([], "guided_choice"), RequestError.InvalidRequest);
        await RefusedAsync(new ChoiceConstraint(["a", ""], "guided_choice"), RequestError.InvalidRequest);
        await RefusedAsync(new JsonSchemaConstraint(JsonSerializer.SerializeToElement(new { type = "strange" }), "guided_json"), RequestError.InvalidRequest);
        await RefusedAsync(new JsonSchemaConstraint(JsonSerializer.SerializeToElement(new { @enum = Array.Empty<int>() }), "guided_json"), RequestError.InvalidRequest);

        async Task RefusedAsync(OutputConstraint constraint, RequestError error)
        {
            var (stream, failure) = await engine.Client.SubmitAsync(Ask(constraint, 0), TestContext.Current.CancellationToken);
            Assert.Null(stream);
            Assert.Equal((error, constraint.Field), (failure!.Error, failure.Parameter));
        }
    }

    /// <summary>A text of which every place has another mask: each is worked out by another thread while the neighbours go on, and the text is what it is alone.</summary>
    [Fact]
    public async Task Masks_ThatNobodyHasNeededBefore_HoldUpNobodyElse()
    {
        await using var engine = RunningEngine.Start();
        var long_ = new PatternConstraint("[a-z ]{60}", "guided_regex");
        var alone = await engine.RunAsync(Ask(long_, 5));
        await using var fresh = RunningEngine.Start();
        var reference = ReferenceCase.Of("base")[0];
        var neighbours = Enumerable.Range(0, 6).Select(_ => fresh.RunAsync(RunningEngine.Chat("base", reference.Messages))).ToList();
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => fresh.RunAsync(Ask(long_, 5))));
        Assert.All(together, answer => Assert.Equal(alone, answer));
        Assert.All(await Task.WhenAll(neighbours), answer => Assert.Equal(reference.OutputText, answer[0].Text));
        Assert.Matches(new Regex("^[a-z ]{60}$"), alone[0].Text);
    }

    private static GenerationRequest Ask(OutputConstraint constraint, int seed, int maxTokens = 64) =>
        RunningEngine.Chat("base", "What is the capital of France?", maxTokens) with { Constraint = constraint, Seed = seed, Temperature = seed == 0 ? 0 : 1.5f, TopLogprobs = 1 };
}
