using Serving.Simulation.Randomness;

namespace Serving.Simulation.Swarm;

/// <summary>Swarm testing (Groce et al. 2012): each seed draws its own sizes, load and set of faults, so that rare mixtures are common over many seeds.</summary>
internal static class SwarmDraw
{
    private const int SmallestPool = 8;
    private const int LargestPool = 512;
    private const ulong RatedSeeds = 4;

    /// <summary>The settings of a seed.</summary>
    public static SwarmSettings Draw(ulong seed)
    {
        var random = new Prng(seed, Streams.Settings);
        var modules = new Prng(seed, Streams.ModuleSettings);
        var pages = random.Spread(SmallestPool, LargestPool);
        var adapters = random.Chance(0.8) ? random.Spread(1, 40) : 0;
        var prompt = random.Spread(8, Math.Min(200, pages * 8));
        var output = random.Spread(2, Math.Min(80, pages * 4));
        var sequences = random.Spread(1, 24);
        var rows = random.Spread(16, 192);
        var settings = new SwarmSettings
        {
            Seed = seed,
            Depth = random.Below(2),
            Pages = pages,
            MaxSequences = sequences,
            MaxBatchedTokens = rows,
            MaxQueued = random.Spread(2, 48),
            MaxModelLength = random.Chance(0.3) ? Math.Max(16, (prompt + output) * 2 / 3) : prompt + output + 16,
            AdapterSlots = random.Spread(1, 8),
            MaxAdaptersPerStep = random.Spread(1, 8),
            PrefixCaching = random.Chance(0.85),
            CollideKeys = random.Chance(0.1),
            TenantWeights = Weights(random),
            Adapters = adapters,
            AdapterPages = random.Between(1, Math.Clamp(pages / 3, 1, 12)),
            Zipf = random.Unit() * 1.5,
            BaseShare = random.Unit() * 0.5,
            Arrivals = random.Spread(20, 500) / 100.0 * Math.Min(sequences / (0.3 * output), rows / (0.3 * (prompt + output))),
            BurstLength = random.Spread(5, 300),
            PromptTokens = prompt,
            OutputTokens = output,
            Vocabulary = random.Spread(8, 2000),
            SharedPrefix = random.Unit(),
            Continuation = random.Unit() * 0.5,
            Choices = random.Chance(0.6) ? random.Unit() * 0.5 : 0,
            ScorePrompt = random.Chance(0.5) ? random.Unit() * 0.2 : 0,
            History = random.Chance(0.5) ? random.Unit() * 0.5 : 0,
            StopStrings = random.Unit() * 0.5,
            Priorities = random.Chance(0.5) ? random.Unit() : 0,
            Faults = Faults(random),
        };
        settings = WithHangs(settings, new Prng(seed, Streams.Hangs));
        settings = WithConstraints(settings, new Prng(seed, Streams.ConstraintSettings));
        settings = WithDrafts(settings, new Prng(seed, Streams.DraftSettings));
        settings = WithEmbeddings(settings, new Prng(seed, Streams.Embeddings));
        settings = modules.Chance(0.5) ? WithModules(settings, modules) : settings;
        settings = WithStates(settings, new Prng(seed, Streams.States));
        return seed % RatedSeeds == 0 ? WithRates(settings, new Prng(seed, Streams.Rates)) : settings;
    }

    // Drawn from a stream of their own: the runs without modules are what they were before there were any.
    private static SwarmSettings WithModules(SwarmSettings settings, Prng random)
    {
        var tokens = random.Spread(1, Math.Clamp(settings.Pages * 2, 2, 60));
        return settings with
        {
            Imports = random.Unit(),
            ModuleTokens = tokens,
            MaxModelLength = settings.MaxModelLength + random.Between(tokens, 6 * tokens),
            HostPages = random.Chance(0.6) ? random.Spread(1, settings.Pages) : 0,
            PinnedShare = random.Unit() * 0.5,
            Faults = settings.Faults with { Pin = random.Chance(0.5) ? random.Unit() * 0.05 : 0 },
        };
    }

    // From a stream of their own too.
    private static SwarmSettings WithHangs(SwarmSettings settings, Prng random) => random.Chance(0.7)
        ? settings
        : settings with { Faults = settings.Faults with { LoadHang = random.Unit() * 0.3, LoadTimeout = random.Spread(20, 400) } };

    // And this one.
    private static SwarmSettings WithConstraints(SwarmSettings settings, Prng random) => random.Chance(0.5)
        ? settings
        : settings with
        {
            Constrained = random.Unit(),
            Readiness = random.Unit(),
            ReadinessSpan = random.Spread(1, 40),
            Faults = settings.Faults with { DeadEnd = Sometimes(random, 0.3) },
        };

    // And this one.
    private static SwarmSettings WithDrafts(SwarmSettings settings, Prng random) => random.Chance(0.5)
        ? settings
        : settings with { MaxDrafts = random.Spread(1, 20), DraftAccuracy = random.Unit() };

    private static SwarmSettings WithEmbeddings(SwarmSettings settings, Prng random) => random.Chance(0.5)
        ? settings
        : settings with { EmbedPrompt = random.Unit() * 0.4 };

    // Where nothing is imported, but for a few requests that are refused for it.
    private static SwarmSettings WithStates(SwarmSettings settings, Prng random) => settings.Imports > 0 || random.Chance(0.4)
        ? settings
        : settings with { StatePages = random.Spread(1, Math.Clamp(settings.Pages / 10, 1, 8)), Imports = random.Chance(0.3) ? 0.05 : 0 };

    // A quarter of the seeds, so that most runs keep the load that they are drawn for.
    private static SwarmSettings WithRates(SwarmSettings settings, Prng random) => settings with
    {
        RequestsPerMinute = random.Chance(0.7) ? random.Spread(2, 400) : 0,
        TokensPerMinute = random.Chance(0.7) ? random.Spread(settings.PromptTokens, 200 * (settings.PromptTokens + settings.OutputTokens)) : 0,
        Faults = settings.Faults with { Reload = random.Chance(0.5) ? random.Unit() * 0.01 : 0 },
    };

    private static double[] Weights(Prng random)
    {
        var weights = new double[random.Spread(1, 8)];
        for (var index = 0; index < weights.Length; index++)
        {
            weights[index] = random.Spread(1, 8) / 2.0;
        }

        return weights;
    }

    private static FaultSet Faults(Prng random) => new()
    {
        Cancel = Sometimes(random, 0.1),
        LoadDelay = random.Chance(0.6) ? random.Spread(1, 60) : 0,
        LoadFailure = Sometimes(random, 0.3),
        Replace = Sometimes(random, 0.05),
        Preempt = Sometimes(random, 0.1),
        Evict = Sometimes(random, 0.3),
        StepDelay = Sometimes(random, 0.05),
        SlowReader = Sometimes(random, 0.1),
        Deadline = Sometimes(random, 0.5),
        Bubble = Sometimes(random, 0.5),
        Drain = random.Chance(0.1),
        DeviceLost = random.Chance(0.1) ? random.Unit() * 0.01 : 0,
    };

    private static double Sometimes(Prng random, double most) => random.Chance(0.5) ? random.Unit() * most : 0;
}
