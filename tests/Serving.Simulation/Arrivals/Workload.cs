using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Simulation.Modules;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Arrivals;

/// <summary>Generated load: bursts and pauses, tenants, adapters with Zipf popularity, prompts, parameters. It depends on the seed and the step only, never on answers.</summary>
internal sealed class Workload
{
    private const int MostChoices = 4;
    private const int MostArrivals = 32;

    private readonly SwarmSettings _settings;
    private readonly AdapterCatalog _catalog;
    private readonly Prng _random;
    private readonly PromptLibrary _prompts;
    private readonly SchemaLibrary _schemas;
    private readonly Prng _imports;
    private readonly Prng _constraints;
    private readonly Prng _embeddings;
    private readonly Zipf? _popularity;
    private readonly Tenant[] _tenants;
    private bool _burst = true;
    private long _nextId = 1;
    private int _steps;

    /// <summary>The load of a run.</summary>
    public Workload(SwarmSettings settings, AdapterCatalog catalog, SchemaLibrary schemas)
    {
        _schemas = schemas;
        _imports = new Prng(settings.Seed, Streams.Imports);
        _constraints = new Prng(settings.Seed, Streams.Constraints);
        _embeddings = new Prng(settings.Seed, Streams.Embeddings);
        _settings = settings;
        _catalog = catalog;
        _random = new Prng(settings.Seed, Streams.Arrivals);
        _prompts = new PromptLibrary(settings, _random);
        _popularity = settings.Adapters > 0 ? new Zipf(settings.Adapters, settings.Zipf) : null;
        _tenants = new Tenant[settings.TenantWeights.Length];
        for (var index = 0; index < _tenants.Length; index++)
        {
            var name = $"tenant-{index}";
            var salt = Digest.Of(System.Text.Encoding.ASCII.GetBytes(name));
            _tenants[index] = new Tenant(new TenantId(name), settings.TenantWeights[index], salt, new TenantLimits(int.MaxValue, long.MaxValue));
        }
    }

    /// <summary>The tenants.</summary>
    public ReadOnlySpan<Tenant> Tenants => _tenants;

    /// <summary>Requests that arrive in this step.</summary>
    public int Arrivals()
    {
        _steps++;
        if (_random.Chance((_burst ? 1.0 : 4.0) / _settings.BurstLength))
        {
            _burst = !_burst;
        }

        var count = 0;
        while (_burst && count < MostArrivals && _random.Chance(_settings.Arrivals / (1 + _settings.Arrivals)))
        {
            count++;
        }

        return _nextId > _settings.MaxRequests ? 0 : count;
    }

    /// <summary>The next request.</summary>
    public SimRequest Next(long now)
    {
        var tenant = _tenants[_settings.TenantShares.Length == 0 ? _random.Below(_tenants.Length) : DrawTenant()];
        var name = _popularity is not null && !_random.Chance(_settings.BaseShare) ? _popularity.Draw(_random) : -1;
        var score = _random.Chance(_settings.ScorePrompt);
        var choices = _random.Chance(_settings.Choices) ? _random.Between(2, MostChoices) : 1;
        var sampling = Sampling(score);
        var request = new Request
        {
            Id = new RequestId(_nextId++),
            Tenant = tenant,
            Adapter = name < 0 ? null : _catalog[name],
            Prompt = _prompts.Next(),
            Sampling = sampling,
            Choices = choices,
            ScorePrompt = score,
            Priority = _random.Chance(_settings.Priorities) ? _random.Between(-2, 2) : 0,
            Deadline = _random.Chance(_settings.Faults.Deadline) ? now + (_random.Spread(1, 200) * 1000L) : long.MaxValue,
        };
        request = _imports.Chance(_settings.Imports) && !score ? WithImports(request) : request;
        request = _embeddings.Chance(_settings.EmbedPrompt) ? ToEmbed(request) : request;
        return Track(request, name, request.Sampling.MaxTokens);
    }

    private static Request ToEmbed(Request request) => request with
    {
        EmbedPrompt = true,
        ScorePrompt = false,
        Choices = 1,
        Sampling = request.Sampling with { MaxTokens = 0, IsConstrained = false },
    };

    // The prompt becomes what follows the schema; sometimes its first tokens are arguments that lie in a gap before the schema's end.
    private Request WithImports(Request request)
    {
        var (imports, length) = _schemas.Draw(_imports, request.Tenant, request.Adapter?.Digest ?? Digest.None);
        var own = request.Prompt;
        var arguments = _imports.Chance(0.3) ? _imports.Below(Math.Min(own.Count, length) + 1) : 0;
        return request with
        {
            Imports = imports,
            Prompt = [.. imports.SelectMany(static import => import.Tokens), .. own],
            Positions = [.. imports.SelectMany(static import => import.Positions), .. Enumerable.Range(0, own.Count).Select(i => i < arguments ? i : length + i - arguments)],
        };
    }

    private int DrawTenant()
    {
        if (_steps < _settings.LastTenantFrom)
        {
            return 0;
        }

        var point = _random.Unit() * _settings.TenantShares.Sum();
        var tenant = 0;
        for (; tenant < _tenants.Length - 1 && point >= _settings.TenantShares[tenant]; tenant++)
        {
            point -= _settings.TenantShares[tenant];
        }

        return tenant;
    }

    private SimRequest Track(Request request, int name, int maxTokens)
    {
        var stops = new int[request.Choices];
        for (var choice = 0; choice < stops.Length; choice++)
        {
            stops[choice] = maxTokens > 0 && _random.Chance(_settings.StopStrings) ? _random.Below(maxTokens) : -1;
        }

        var abortAt = maxTokens > 0 && _random.Chance(_settings.Faults.SlowReader) ? _random.Below(maxTokens) : -1;
        var tracked = new SimRequest(request, name, stops, abortAt, _settings.Vocabulary, _settings.MaxModelLength, _settings.StatePages > 0);
        if (maxTokens > 0 && request.Sampling.IsConstrained && _constraints.Chance(_settings.Faults.DeadEnd))
        {
            tracked.Tracks[_constraints.Below(request.Choices)].DeadEndAt = _constraints.Below(maxTokens);
        }

        _prompts.Remember(tracked, () => new OracleSequence(request, 0, stops[0], _settings.Vocabulary, _settings.MaxModelLength, _settings.StatePages > 0));
        return tracked;
    }

    private SamplingParameters Sampling(bool score) => new()
    {
        MaxTokens = score && _random.Chance(0.3) ? 0 : _random.Spread(1, _settings.OutputTokens),
        Seed = (ulong)_random.Below(1000),
        IsConstrained = _constraints.Chance(_settings.Constrained),
        PresencePenalty = _random.Chance(_settings.History) ? 0.5f : 0,
        StopTokenIds = _random.Chance(0.5) ? [_random.Below(_settings.Vocabulary)] : [],
    };
}
