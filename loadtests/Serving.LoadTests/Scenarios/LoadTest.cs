using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Scenarios;

/// <summary>A load test as its file says it: scenarios, the phases that run them, and what must hold afterwards.</summary>
internal sealed record LoadTest
{
    /// <summary>Of the report.</summary>
    public required string Name { get; init; }

    /// <summary>What it shows, in a sentence.</summary>
    public string Description { get; init; } = "";

    /// <summary>Everything random follows from it.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Seconds at the beginning of each phase whose requests are sent and not counted.</summary>
    public double WarmUp { get; init; }

    /// <summary>Requests under way at once at most, over all scenarios of a phase. An arrival beyond it is counted as dropped and never sent later.</summary>
    public int MaxOutstanding { get; init; } = 1024;

    /// <summary>Seconds that the last requests of a phase get to end.</summary>
    public double Drain { get; init; } = 60;

    /// <summary>What a good answer is.</summary>
    public ServiceLevel Slo { get; init; } = new(6, null);

    /// <summary>By name.</summary>
    public required IReadOnlyDictionary<string, Scenario> Scenarios { get; init; }

    /// <summary>One after the other.</summary>
    public required IReadOnlyList<Phase> Phases { get; init; }

    /// <summary>How often the phases run, every second time backwards: what drifts over a run meets both sides of a comparison.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Comparisons that must hold.</summary>
    public IReadOnlyList<Threshold> Thresholds { get; init; } = [];

    /// <summary>Look for the highest rate that keeps the service level, instead of running the phases as they are.</summary>
    public KneeSearch? Search { get; init; }
}

/// <summary>What answers have to keep to be good.</summary>
/// <param name="Ttft">Seconds to the first token at most; S-LoRA's is 6.</param>
/// <param name="Tpot">Seconds per output token after the first at most; null where it does not matter.</param>
internal sealed record ServiceLevel(double Ttft, double? Tpot);

/// <summary>Scenarios that run side by side.</summary>
internal sealed record Phase(string Name, IReadOnlyList<string> Scenarios);

/// <summary>The highest rate, by bisection of the logarithm: the phases run with their rates multiplied, until the last good and the first bad factor are near.</summary>
/// <param name="MinFactor">The least factor that is tried.</param>
/// <param name="MaxFactor">The largest.</param>
/// <param name="Precision">The search ends when bad ÷ good is at most 1 + this.</param>
/// <param name="GoodShare">Share of all requests that must keep the service level.</param>
internal sealed record KneeSearch(double MinFactor, double MaxFactor, double Precision, double GoodShare);

/// <summary>One kind of requests, of one tenant.</summary>
internal sealed record Scenario
{
    /// <summary>Its name in the file.</summary>
    public required string Name { get; init; }

    /// <summary>Whose requests these are: --key gives each tenant's key.</summary>
    public string Tenant { get; init; } = "default";

    /// <summary>The tenant's weight, for the fairness gap.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Which models are asked.</summary>
    public ModelChoice Models { get; init; } = new(ModelSource.Base, [], null, null, Popularity.Uniform, 1);

    /// <summary>What is asked.</summary>
    public required PromptShape Prompt { get; init; }

    /// <summary>Tokens of the answers; the end-of-text token does not end them.</summary>
    public required LengthDistribution Output { get; init; }

    /// <summary>How the client behaves.</summary>
    public ClientBehaviour Client { get; init; } = ClientBehaviour.Reads;

    /// <summary>When requests come; one stretch after the other.</summary>
    public required IReadOnlyList<LoadSimulation> Load { get; init; }
}

/// <summary>Where the models' names come from.</summary>
internal enum ModelSource
{
    /// <summary>The base model alone.</summary>
    Base,

    /// <summary>The adapters that the daemon lists.</summary>
    Adapters,

    /// <summary>The names in the file.</summary>
    Names,
}

/// <summary>How requests spread over models.</summary>
internal enum Popularity
{
    /// <summary>Each request any of them.</summary>
    Uniform,

    /// <summary>S-LoRA's: P(index &lt; k) = (k/N)^alpha; 1 is uniform, less favours the first.</summary>
    Power,

    /// <summary>Punica's Identical: all the first one.</summary>
    Identical,

    /// <summary>Punica's Uniform: ⌈√n⌉ of them equally often, n being the number of requests.</summary>
    Groups,

    /// <summary>Punica's Skewed: groups of ⌊1.5^k⌋ requests.</summary>
    Skewed,

    /// <summary>Punica's Distinct: every request another one.</summary>
    Distinct,
}

/// <summary>Which models a scenario asks.</summary>
/// <param name="Source">Where their names come from.</param>
/// <param name="Names">The names, from <see cref="ModelSource.Names"/>.</param>
/// <param name="Prefix">Only listed adapters whose names begin with it.</param>
/// <param name="Count">So many of them, the first by name; null for all.</param>
/// <param name="Popularity">How requests spread over them.</param>
/// <param name="Alpha">Of <see cref="Popularity.Power"/>.</param>
internal sealed record ModelChoice(ModelSource Source, IReadOnlyList<string> Names, string? Prefix, int? Count, Popularity Popularity, double Alpha);

/// <summary>What is asked.</summary>
/// <param name="Length">Tokens of a prompt, shared ones and modules not counted.</param>
/// <param name="SharedTokens">Tokens that all prompts of a group begin with.</param>
/// <param name="Groups">How many such beginnings there are.</param>
/// <param name="Modules">Documents that prompts are about; null for none.</param>
internal sealed record PromptShape(LengthDistribution Length, int SharedTokens, int Groups, ModulePrompt? Modules);

/// <summary>Documents that a prompt holds, imported from a prompt schema or written out.</summary>
/// <param name="Count">Documents in all.</param>
/// <param name="Words">Words of each; a few more tokens.</param>
/// <param name="Import">How many a request holds, any of them.</param>
/// <param name="AsText">Write them out instead of importing them.</param>
internal sealed record ModulePrompt(int Count, int Words, int Import, bool AsText);

/// <summary>How a client behaves.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="AfterTokens">Tokens after which it hangs up at the latest: each request draws from 0 to this.</param>
/// <param name="PauseSeconds">How long it waits after everything that it reads.</param>
internal sealed record ClientBehaviour(ClientKind Kind, int AfterTokens, double PauseSeconds)
{
    /// <summary>Reads what comes.</summary>
    public static readonly ClientBehaviour Reads = new(ClientKind.Reads, 0, 0);
}

/// <summary>Kinds of clients.</summary>
internal enum ClientKind
{
    /// <summary>Reads what comes as it comes.</summary>
    Reads,

    /// <summary>Closes the connection midway.</summary>
    HangsUp,

    /// <summary>Waits after everything that it reads.</summary>
    ReadsSlowly,
}
