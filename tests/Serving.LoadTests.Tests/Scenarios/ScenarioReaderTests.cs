using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Commands;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Tests.Scenarios;

public sealed class ScenarioReaderTests
{
    private const string Everything = """
        {
          "name": "x", "description": "d", "seed": 1, "warm_up": 1, "max_outstanding": 10, "drain": 5, "slo": { "ttft": 1, "tpot": 0.1 },
          "scenarios": {
            "a": {
              "tenant": "t", "weight": 2, "models": { "from": "adapters", "prefix": "l-", "count": 3, "popularity": "power", "alpha": 0.5 },
              "prompt": { "length": { "kind": "log_normal", "sigma": 0.8, "loc": -1, "scale": 18, "min": 1, "max": 100 }, "shared_tokens": 5, "groups": 2 },
              "output": { "kind": "remainder", "below": 100 }, "client": { "kind": "hangs_up", "after_tokens": 5 },
              "load": [
                { "kind": "inject", "rate": 1, "cv": 2, "during": 1 }, { "kind": "ramping_inject", "from": 1, "to": 2, "during": 1 },
                { "kind": "inject_random", "min_rate": 1, "max_rate": 2, "interval": 1, "during": 3 }, { "kind": "pause", "during": 1 },
                { "kind": "keep_constant", "copies": 2, "requests": 4 }, { "kind": "replay", "format": "azure", "path": "p", "speed": 2, "length_scale": 0.5, "during": 1, "max_prompt": 9, "max_output": 8 }
              ]
            },
            "b": {
              "models": { "names": ["m", "n"] }, "prompt": { "length": 7, "modules": { "count": 3, "words": 10, "import": 2, "as_text": true } }, "output": { "kind": "uniform", "min": 1, "below": 3 },
              "client": { "kind": "reads_slowly", "pause": 0.1 }, "load": [{ "kind": "keep_constant", "copies": 1, "during": 1 }]
            }
          },
          "phases": [{ "name": "p", "run": ["a"] }, { "name": "q", "run": ["a", "b"] }],
          "thresholds": ["q.a.ttft_p99 <= 1.5 * p.a.ttft_p99", "p.settled == 1"],
          "search": { "min_factor": 1, "max_factor": 8, "precision": 0.1, "good_share": 0.9 }
        }
        """;

    [Fact]
    public void Read_Everything_IsThere()
    {
        var test = Read(Everything);
        Assert.Equal((1, 1.0, 10, 5.0, new ServiceLevel(1, 0.1)), (test.Seed, test.WarmUp, test.MaxOutstanding, test.Drain, test.Slo));
        Assert.Equal(6, test.Scenarios["a"].Load.Count);
        Assert.Equal(Popularity.Power, test.Scenarios["a"].Models.Popularity);
        Assert.Equal(new ClientBehaviour(ClientKind.HangsUp, 5, 0), test.Scenarios["a"].Client);
        Assert.Equal(new ModulePrompt(3, 10, 2, true), test.Scenarios["b"].Prompt.Modules);
        Assert.Equal(["a", "b"], test.Phases[1].Scenarios);
        Assert.Equal(new Threshold("q.a.ttft_p99 <= 1.5 * p.a.ttft_p99", "q.a.ttft_p99", "<=", 1.5, "p.a.ttft_p99"), test.Thresholds[0]);
        Assert.Equal(new KneeSearch(1, 8, 0.1, 0.9), test.Search);
    }

    public static TheoryData<string> BuiltIn() => [.. ScenarioFiles.BuiltIn];

    [Theory]
    [MemberData(nameof(BuiltIn))]
    public void Load_BuiltIn_IsReadUnderItsName(string name) => Assert.Equal(name, ScenarioFiles.Load(name).Name);

    [Theory]
    [InlineData("\"seed\"", "\"sed\"", "sed: is not known (did you mean seed?)")]
    [InlineData("\"rate\"", "\"ratte\"", "scenarios.a.load[0].rate: is missing", "scenarios.a.load[0].ratte: is not known (did you mean rate?)")]
    [InlineData("\"kind\": \"pause\"", "\"kind\": \"pauze\"", "scenarios.a.load[3].kind: must be one of", "did you mean pause?")]
    [InlineData("\"drain\": 5", "\"drain\": \"5\"", "drain: must be a number from 0")]
    [InlineData("\"drain\": 5", "\"drain\": 5, \"rounds\": 2", "rounds: not together with search")]
    [InlineData("\"copies\": 2, \"requests\": 4", "\"copies\": 0, \"requests\": 4, \"during\": 1", "scenarios.a.load[4].copies: must be a whole number from 1", "scenarios.a.load[4].during: either this or requests")]
    [InlineData("\"run\": [\"a\"]", "\"run\": [\"c\"]", "phases[0].run: there is no such scenario")]
    [InlineData("\"name\": \"q\"", "\"name\": \"p\"", "phases[1].name: stands there twice")]
    [InlineData("\"p.settled == 1\"", "\"p.settled = 1\"", "thresholds[1]: must be METRIC OP NUMBER")]
    [InlineData("\"power\"", "\"distinct\"", null)]
    [InlineData("\"requests\": 4", "\"during\": 4", null)]
    [InlineData("\"import\": 2", "\"import\": 4", "scenarios.b.prompt.modules.import: must not be above count")]
    [InlineData("\"min\": 1, \"below\": 3", "\"min\": 3, \"below\": 3", "scenarios.b.output.below: must be above min")]
    [InlineData("\"tenant\": \"t\"", "\"tenant\": \"\\ud800\"", "scenarios.a.tenant: must be a text")]
    public void Read_OneThingChanged_SaysWhatIsWrong(string what, string by, params string?[]? errors)
    {
        Assert.Contains(what, Everything, StringComparison.Ordinal);
        var changed = Everything.Replace(what, by, StringComparison.Ordinal);
        if (errors is null or [null])
        {
            Read(changed);
            return;
        }

        var message = Assert.Throws<ScenarioException>(() => Read(changed)).Message;
        Assert.All(errors, error => Assert.Contains(error!, message, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_ManyThingsWrong_ReportsAllAtOnce()
    {
        var changed = Everything.Replace("\"seed\": 1", "\"seed\": -1", StringComparison.Ordinal).Replace("\"weight\"", "\"wait\"", StringComparison.Ordinal).Replace("\"cv\": 2", "\"cv\": true", StringComparison.Ordinal);
        Assert.Equal(3, Assert.Throws<ScenarioException>(() => Read(changed)).Errors.Count);
    }

    [Fact]
    public void Read_PunicasMixInALoopByTime_IsRefused()
    {
        var changed = Everything.Replace("\"names\": [\"m\", \"n\"]", "\"names\": [\"m\", \"n\"], \"popularity\": \"skewed\"", StringComparison.Ordinal);
        Assert.Contains("scenarios.b.models.popularity", Assert.Throws<ScenarioException>(() => Read(changed)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Mutated_IsReadOrRefusedWithShortReasons()
    {
        var (mutator, bytes, read) = (new Mutator(15), Encoding.UTF8.GetBytes(Everything), 0);
        for (var i = 0; i < 10_000; i++)
        {
            try
            {
                ScenarioReader.Read(mutator.Mutate(bytes, bytes.Length));
                read++;
            }
            catch (ScenarioException exception)
            {
                Assert.All(exception.Errors, error => Assert.InRange(error.Length, 1, 500));
            }
        }

        Assert.InRange(read, 20, 9_900);
    }

    [Theory]
    [InlineData("a.b < 1")]
    [InlineData("a <= 0.5 * b.c.d")]
    [InlineData("x == -1")]
    public void Parse_AThreshold_IsRead(string text) => Assert.NotNull(Threshold.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("a <")]
    [InlineData("a < b")]
    [InlineData("a < 1 * ")]
    [InlineData("a < 1 + b")]
    [InlineData("A < 1")]
    [InlineData("a < 1e999")]
    public void Parse_SomethingElse_IsNone(string text) => Assert.Null(Threshold.Parse(text));

    [Theory]
    [InlineData("<", false, true)]
    [InlineData("<=", true, true)]
    [InlineData(">", false, false)]
    [InlineData(">=", true, false)]
    [InlineData("==", true, false)]
    public void Holds_AtAndBelowTheBar_IsAsTheOperatorSays(string op, bool at, bool below)
    {
        var threshold = Threshold.Parse($"a {op} 2 * b")!;
        Assert.Equal(at, threshold.Holds(6, 3));
        Assert.Equal(below, threshold.Holds(5, 3));
    }

    private static LoadTest Read(string json) => ScenarioReader.Read(Encoding.UTF8.GetBytes(json));
}
