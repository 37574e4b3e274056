using System.Text;
using System.Text.Json;
using Serving.LoadTests.Sampling;
using Serving.Server.Configuration;

namespace Serving.LoadTests.Scenarios;

/// <summary>Reads a load test from JSON with comments and trailing commas; an unknown key is an error. README.md lists the keys.</summary>
internal static class ScenarioReader
{
    /// <summary>Largest file, bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Scenarios, phases and thresholds of a file at most.</summary>
    public const int MaxEntries = 64;

    /// <summary>Longest prompt, answer or shared beginning, tokens.</summary>
    public const int MaxTokens = 1 << 20;

    private const double MaxSeconds = 7 * 24 * 3600;
    private const double MaxRate = 100_000;

    /// <summary>Reads one.</summary>
    /// <exception cref="ScenarioException">Says everything that is wrong.</exception>
    public static LoadTest Read(ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Length > MaxBytes)
        {
            throw new ScenarioException($"the file has more than {MaxBytes} bytes");
        }

        if (utf8.Span.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }

        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 });
            var errors = new List<string>();
            var test = ReadTest(document.RootElement, errors);
            return errors.Count == 0 ? test : throw new ScenarioException(errors);
        }
        catch (JsonException exception)
        {
            throw new ScenarioException($"line {(exception.LineNumber ?? 0) + 1}: not valid JSON");
        }
        catch (InvalidOperationException)
        {
            // The names of fields are texts too, and may hold what is none.
            throw new ScenarioException("the file holds a name that is not valid Unicode");
        }
    }

    private static LoadTest ReadTest(JsonElement root, List<string> errors)
    {
        var fields = new Fields(root, "", errors);
        var scenarios = ReadScenarios(fields, errors);
        var test = new LoadTest
        {
            Name = fields.Text("name"),
            Description = fields.Text("description", ""),
            Seed = fields.Whole("seed", 0, int.MaxValue, 42),
            WarmUp = fields.Number("warm_up", 0, MaxSeconds, 0),
            MaxOutstanding = fields.Whole("max_outstanding", 1, 65536, 1024),
            Drain = fields.Number("drain", 0, MaxSeconds, 60),
            Slo = fields.Value("slo", optional: true) is { } slo ? ReadSlo(new Fields(slo, "slo", errors)) : new ServiceLevel(6, null),
            Scenarios = scenarios,
            Phases = ReadPhases(fields, scenarios.Keys, errors),
            Rounds = fields.Whole("rounds", 1, MaxEntries, 1),
            Thresholds = ReadThresholds(fields),
            Search = fields.Value("search", optional: true) is { } search ? ReadSearch(new Fields(search, "search", errors)) : null,
        };
        if (test is { Search: not null, Rounds: > 1 })
        {
            fields.Complain("rounds", "not together with search, which has rounds of its own");
        }

        fields.Done();
        return test;
    }

    private static ServiceLevel ReadSlo(Fields fields)
    {
        var slo = new ServiceLevel(fields.Number("ttft", 0.0001, MaxSeconds, 6), fields.Has("tpot") ? fields.Number("tpot", 0.000001, MaxSeconds) : null);
        fields.Done();
        return slo;
    }

    private static KneeSearch ReadSearch(Fields fields)
    {
        var search = new KneeSearch(
            fields.Number("min_factor", 0.001, 1000, 1),
            fields.Number("max_factor", 0.001, 100_000, 64),
            fields.Number("precision", 0.001, 10, 0.1),
            fields.Number("good_share", 0.01, 1, 0.9));
        if (search.MaxFactor <= search.MinFactor)
        {
            fields.Complain("max_factor", "must be above min_factor");
        }

        fields.Done();
        return search;
    }

    private static Dictionary<string, Scenario> ReadScenarios(Fields test, List<string> errors)
    {
        var scenarios = new Dictionary<string, Scenario>();
        if (test.Value("scenarios", optional: false) is not { } element)
        {
            return scenarios;
        }

        var fields = new Fields(element, "scenarios", errors);
        foreach (var name in Bounded(fields.Names(), test, "scenarios"))
        {
            CheckName(fields, name);
            scenarios[name] = ReadScenario(new Fields(fields.Value(name, optional: true)!.Value, fields.PathOf(name), errors), name, errors);
        }

        if (scenarios.Count == 0)
        {
            test.Complain("scenarios", "must hold one at least");
        }

        return scenarios;
    }

    private static Scenario ReadScenario(Fields fields, string name, List<string> errors)
    {
        var scenario = new Scenario
        {
            Name = name,
            Tenant = fields.Text("tenant", "default"),
            Weight = fields.Number("weight", 0.001, 1000, 1),
            Models = ModelChoiceReader.Read(fields, errors),
            Prompt = PromptReader.Read(fields, errors),
            Output = PromptReader.ReadLength(fields, "output", errors),
            Client = ReadClient(fields, errors),
            Load = [.. Bounded(fields.List("load", optional: false), fields, "load").Select((element, i) => LoadSimulationReader.Read(new Fields(element, $"{fields.PathOf("load")}[{i}]", errors), MaxRate, MaxSeconds))],
        };
        if (fields.Has("load") && scenario.Load.Count == 0)
        {
            fields.Complain("load", "must hold one at least");
        }

        CheckPopularity(fields, scenario);
        fields.Done();
        return scenario;
    }

    // Punica's mixes share out a number of requests, which has to be known.
    private static void CheckPopularity(Fields fields, Scenario scenario)
    {
        if (scenario.Models.Popularity is Popularity.Groups or Popularity.Skewed or Popularity.Distinct && scenario.Load.Any(load => load is LoadSimulation.KeepConstant { Requests: null }))
        {
            fields.Complain("models.popularity", "needs a number of requests: keep_constant with requests, or an open loop");
        }
    }

    private static ClientBehaviour ReadClient(Fields scenario, List<string> errors)
    {
        if (scenario.Value("client", optional: true) is not { } element)
        {
            return ClientBehaviour.Reads;
        }

        var fields = new Fields(element, scenario.PathOf("client"), errors);
        var client = fields.Word("kind", ["reads", "hangs_up", "reads_slowly"]) switch
        {
            "hangs_up" => new ClientBehaviour(ClientKind.HangsUp, fields.Whole("after_tokens", 0, MaxTokens), 0),
            "reads_slowly" => new ClientBehaviour(ClientKind.ReadsSlowly, 0, fields.Number("pause", 0.0001, 3600)),
            _ => ClientBehaviour.Reads,
        };
        fields.Done();
        return client;
    }

    private static List<Phase> ReadPhases(Fields test, IReadOnlyCollection<string> scenarios, List<string> errors)
    {
        if (!test.Has("phases"))
        {
            test.List("phases", optional: true);
            return [new Phase("run", [.. scenarios])];
        }

        var phases = new List<Phase>();
        foreach (var (element, i) in Bounded(test.List("phases", optional: false), test, "phases").Select((element, i) => (element, i)))
        {
            var fields = new Fields(element, $"phases[{i}]", errors);
            var phase = new Phase(fields.Text("name"), [.. fields.List("run", optional: false).Take(MaxEntries).Select(run => run.ValueKind == JsonValueKind.String ? run.GetString()! : "")]);
            CheckName(fields, phase.Name);
            if (phases.Any(other => other.Name == phase.Name))
            {
                fields.Complain("name", "stands there twice");
            }

            foreach (var unknown in phase.Scenarios.Where(name => !scenarios.Contains(name)))
            {
                fields.Complain("run", $"there is no such scenario{Suggestion.For(unknown.Length < 100 ? unknown : "", scenarios)}");
            }

            fields.Done();
            phases.Add(phase);
        }

        return phases;
    }

    private static List<Threshold> ReadThresholds(Fields test)
    {
        var thresholds = new List<Threshold>();
        foreach (var element in Bounded(test.List("thresholds", optional: true), test, "thresholds"))
        {
            if (element.ValueKind == JsonValueKind.String && Threshold.Parse(element.GetString()!) is { } threshold)
            {
                thresholds.Add(threshold);
            }
            else
            {
                test.Complain($"thresholds[{thresholds.Count}]", "must be METRIC OP NUMBER, or METRIC OP NUMBER * METRIC");
            }
        }

        return thresholds;
    }

    // A report's columns and a threshold's metrics are made of names.
    private static void CheckName(Fields fields, string name)
    {
        if (name.Length is 0 or > 40 || name.Any(letter => !char.IsAsciiLetterLower(letter) && !char.IsAsciiDigit(letter) && letter is not ('_' or '-')))
        {
            fields.Complain("name", "a name is 1 to 40 of a-z, 0-9, _ and -");
        }
    }

    private static IReadOnlyList<T> Bounded<T>(IReadOnlyList<T> items, Fields fields, string name)
    {
        if (items.Count <= MaxEntries)
        {
            return items;
        }

        fields.Complain(name, $"holds more than {MaxEntries}");
        return [];
    }
}
