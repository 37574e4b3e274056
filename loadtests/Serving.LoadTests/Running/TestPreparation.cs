using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Client;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Running;

/// <summary>Brings a load test and the daemon together: which models there are, which token ids prompts are made of, and the phases as they will run.</summary>
internal sealed class TestPreparation : IDisposable
{
    private readonly LoadTest _test;
    private readonly RunOptions _options;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, DaemonClient> _clients = [];
    private readonly Dictionary<string, (string Base, IReadOnlyList<string> Adapters)> _models = [];
    private IReadOnlyList<int> _vocabulary = [];

    private TestPreparation(LoadTest test, RunOptions options, TimeProvider time) => (_test, _options, _time) = (test, options, time);

    /// <summary>The base model's name.</summary>
    public string Model { get; private set; } = "";

    /// <summary>Any tenant's access.</summary>
    public DaemonClient Daemon => _clients.Values.First();

    private long Seed => _options.Seed ?? _test.Seed;

    /// <summary>Asks the daemon what it has, and puts what the test needs.</summary>
    /// <exception cref="DaemonException">It is not there, or refuses.</exception>
    public static async Task<TestPreparation> CreateAsync(LoadTest test, RunOptions options, TimeProvider time, CancellationToken cancel)
    {
        var preparation = new TestPreparation(test, options, time);
        var tenants = test.Scenarios.Values.Select(scenario => scenario.Tenant).Distinct().ToList();
        CheckKeys(tenants, options);
        foreach (var tenant in tenants)
        {
            var client = new DaemonClient(options.Address, options.KeyOf(tenant), test.MaxOutstanding + 1);
            preparation._clients[tenant] = client;
            preparation._models[tenant] = await client.ModelsAsync(cancel);
        }

        preparation.Model = preparation._models.Values.First().Base;
        preparation._vocabulary = await preparation.Daemon.VocabularyAsync(cancel);
        foreach (var scenario in test.Scenarios.Values.Where(scenario => scenario.Prompt.Modules is { AsText: false }))
        {
            await preparation._clients[scenario.Tenant].PutSchemaAsync(preparation.DocumentsOf(scenario)!, cancel);
        }

        return preparation;
    }

    // Tenants with one key are one tenant to the daemon, and what is measured between them would be something else.
    private static void CheckKeys(List<string> tenants, RunOptions options)
    {
        foreach (var (one, other) in tenants.SelectMany((tenant, i) => tenants.Take(i).Where(before => options.KeyOf(before) == options.KeyOf(tenant)).Select(before => (before, tenant))).Take(1))
        {
            throw new ScenarioException($"the scenario has tenants {one} and {other}, and to the daemon they are one: give each a key of its own, --key {one}=KEY --key {other}=KEY");
        }
    }

    /// <summary>Lays out a phase.</summary>
    /// <param name="phase">Which one.</param>
    /// <param name="factor">What its rates are multiplied by, beside the command line's.</param>
    /// <param name="round">Tells rounds of one phase apart: prompts differ from round to round.</param>
    /// <exception cref="ScenarioException">The daemon has not what the scenarios ask for.</exception>
    public IReadOnlyList<ScenarioLoad> Lay(Phase phase, double factor, int round)
    {
        var scenarios = phase.Scenarios.Select(name => _test.Scenarios[name]).ToList();
        var tenants = Tenants(phase).Select(tenant => tenant.Name).ToList();
        return [.. scenarios.Select((scenario, i) => Lay(scenario, factor * _options.RateFactor, [round, i], _test.Phases.ToList().IndexOf(phase), tenants.IndexOf(scenario.Tenant)))];
    }

    /// <summary>The tenants of a phase with their weights.</summary>
    public IReadOnlyList<(string Name, double Weight)> Tenants(Phase phase) =>
        [.. phase.Scenarios.Select(name => _test.Scenarios[name]).GroupBy(scenario => scenario.Tenant).Select(group => (group.Key, group.First().Weight))];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private ScenarioLoad Lay(Scenario scenario, double factor, int[] place, int phase, int tenant)
    {
        var seed = (long)new Sampling.SeededRandom([Seed, .. place]).NextInt(int.MaxValue);
        var plan = ArrivalPlan.Of([.. scenario.Load.Select(Stretch)], seed, factor, Trace);
        var requests = new RequestFactory(scenario, ModelsOf(scenario), plan.Requests, seed, Seed, phase);
        var target = new HttpTarget(_clients[scenario.Tenant], scenario, new PromptTokens(_vocabulary, Seed), DocumentsOf(scenario), _time);
        return new ScenarioLoad(plan, requests, target, new ScenarioStatistics(scenario, _test.Slo), tenant);
    }

    private IReadOnlyList<string> ModelsOf(Scenario scenario)
    {
        var ((model, adapters), choice) = (_models[scenario.Tenant], scenario.Models);
        IReadOnlyList<string> names = choice.Source switch
        {
            ModelSource.Base => [model],
            ModelSource.Names => choice.Names,
            _ => [.. adapters.Where(name => name.StartsWith(choice.Prefix ?? "", StringComparison.Ordinal))],
        };
        if (names.Count == 0 || names.Count < choice.Count)
        {
            throw new ScenarioException($"scenario {scenario.Name} needs {choice.Count ?? 1} adapters{(choice.Prefix is { } prefix ? $" whose names begin with {prefix}" : "")}, and the daemon has {names.Count}");
        }

        return [.. names.Take(choice.Count ?? names.Count)];
    }

    private Documents? DocumentsOf(Scenario scenario) => scenario.Prompt.Modules is { } modules ? new Documents(modules, Seed) : null;

    private LoadSimulation Stretch(LoadSimulation load) => load switch
    {
        LoadSimulation.Inject inject => inject with { Seconds = inject.Seconds * _options.TimeFactor },
        LoadSimulation.RampingInject ramp => ramp with { Seconds = ramp.Seconds * _options.TimeFactor },
        LoadSimulation.InjectRandom any => any with { Seconds = any.Seconds * _options.TimeFactor },
        LoadSimulation.Pause pause => pause with { Seconds = pause.Seconds * _options.TimeFactor },
        LoadSimulation.Replay replay => replay with { Seconds = replay.Seconds * _options.TimeFactor },
        LoadSimulation.KeepConstant { Seconds: { } seconds } constant => constant with { Seconds = seconds * _options.TimeFactor },
        LoadSimulation.KeepConstant { Requests: { } requests } constant => constant with { Requests = (int)Math.Clamp(Math.Round(requests * _options.TimeFactor), 1, LoadSimulation.KeepConstant.MaxRequests) },
        _ => throw new ArgumentOutOfRangeException(nameof(load), load, "not a stretch of load"),
    };

    private IEnumerable<Arrival> Trace(LoadSimulation.Replay replay, double factor)
    {
        var path = _options.Trace ?? replay.Path ?? throw new ScenarioException($"the scenario replays a trace of the format {replay.Format}: name it with --trace FILE");
        try
        {
            // One more than may be: the plan refuses them then, and an endless trace ends.
            using var file = File.OpenText(path);
            return TraceReader.Read(replay, factor, file).Take(ArrivalPlan.MaxArrivals + 1).ToList();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ScenarioException($"the trace {path} cannot be read: {exception.Message}");
        }
    }
}
