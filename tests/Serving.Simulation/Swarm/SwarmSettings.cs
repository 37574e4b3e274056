namespace Serving.Simulation.Swarm;

/// <summary>Everything that is drawn once for a run: sizes, load and faults.</summary>
internal sealed record SwarmSettings
{
    /// <summary>The run's number: all of its randomness.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Plans that may be scheduled before the previous one is complete: 0 or 1.</summary>
    public int Depth { get; init; }

    /// <summary>Pages of the pool.</summary>
    public int Pages { get; init; } = 64;

    /// <summary>Pages of a version of a sequence's recurrent state; 0 is a model without one.</summary>
    public int StatePages { get; init; }

    /// <summary>Most sequences in a step.</summary>
    public int MaxSequences { get; init; } = 8;

    /// <summary>Most rows in a step.</summary>
    public int MaxBatchedTokens { get; init; } = 32;

    /// <summary>Most requests in the queue.</summary>
    public int MaxQueued { get; init; } = 32;

    /// <summary>Most tokens in a sequence.</summary>
    public int MaxModelLength { get; init; } = 256;

    /// <summary>Adapter slots of the device.</summary>
    public int AdapterSlots { get; init; } = 4;

    /// <summary>Most adapters in a step.</summary>
    public int MaxAdaptersPerStep { get; init; } = 4;

    /// <summary>Whether computed pages are kept for later requests.</summary>
    public bool PrefixCaching { get; init; } = true;

    /// <summary>Prefix keys are cut short, so that most of them collide.</summary>
    public bool CollideKeys { get; init; }

    /// <summary>Tenants, each with a weight.</summary>
    public double[] TenantWeights { get; init; } = [1];

    /// <summary>Share of the requests that each tenant sends; empty is equal shares.</summary>
    public double[] TenantShares { get; init; } = [];

    /// <summary>Step before which the last tenant sends nothing.</summary>
    public int LastTenantFrom { get; init; }

    /// <summary>Adapters that exist; 0 is base only.</summary>
    public int Adapters { get; init; }

    /// <summary>Most pages of an adapter.</summary>
    public int AdapterPages { get; init; } = 1;

    /// <summary>Exponent of the adapters' popularity.</summary>
    public double Zipf { get; init; } = 1;

    /// <summary>Share of requests for the base model when there are adapters.</summary>
    public double BaseShare { get; init; } = 0.2;

    /// <summary>Requests per step inside a burst.</summary>
    public double Arrivals { get; init; } = 0.3;

    /// <summary>Mean length of a burst in steps; the pause after it is a quarter of it.</summary>
    public int BurstLength { get; init; } = 50;

    /// <summary>Requests after which nothing arrives any more.</summary>
    public int MaxRequests { get; init; } = int.MaxValue;

    /// <summary>Longest prompt drawn.</summary>
    public int PromptTokens { get; init; } = 64;

    /// <summary>Largest max_tokens drawn.</summary>
    public int OutputTokens { get; init; } = 32;

    /// <summary>Token ids.</summary>
    public int Vocabulary { get; init; } = 200;

    /// <summary>Share of prompts that begin as another one does.</summary>
    public double SharedPrefix { get; init; } = 0.5;

    /// <summary>Share of prompts that continue an earlier answer.</summary>
    public double Continuation { get; init; } = 0.2;

    /// <summary>Share of requests with several choices.</summary>
    public double Choices { get; init; } = 0.1;

    /// <summary>Share of requests that score their prompt.</summary>
    public double ScorePrompt { get; init; } = 0.05;

    /// <summary>Share of requests to embed their prompt.</summary>
    public double EmbedPrompt { get; init; }

    /// <summary>Share of requests with penalties.</summary>
    public double History { get; init; } = 0.1;

    /// <summary>Share of requests whose answers are constrained.</summary>
    public double Constrained { get; init; }

    /// <summary>Share of the time in which it is known what a constrained sequence may sample next.</summary>
    public double Readiness { get; init; } = 1;

    /// <summary>Steps for which it is known, or not, at a time.</summary>
    public int ReadinessSpan { get; init; } = 1;

    /// <summary>Guesses of coming tokens in a sequence's step at most.</summary>
    public int MaxDrafts { get; init; }

    /// <summary>Share of the guesses that are right where those before them are.</summary>
    public double DraftAccuracy { get; init; }

    /// <summary>Share of sequences that end at a stop string.</summary>
    public double StopStrings { get; init; } = 0.2;

    /// <summary>Share of requests with a priority of their own.</summary>
    public double Priorities { get; init; } = 0.2;

    /// <summary>Share of requests that import modules.</summary>
    public double Imports { get; init; }

    /// <summary>Longest text of a module.</summary>
    public int ModuleTokens { get; init; } = 40;

    /// <summary>Pages of host memory behind the pool.</summary>
    public int HostPages { get; init; }

    /// <summary>Most of the pool that pinned modules may take.</summary>
    public double PinnedShare { get; init; } = 0.25;

    /// <summary>Most requests per minute that a tenant's limit is drawn from; 0 is without limits.</summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>Most tokens per minute likewise.</summary>
    public int TokensPerMinute { get; init; }

    /// <summary>The faults.</summary>
    public FaultSet Faults { get; init; } = FaultSet.None;
}
