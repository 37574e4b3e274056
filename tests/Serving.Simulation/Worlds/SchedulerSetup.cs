using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Worlds;

/// <summary>The scheduler's options in a run.</summary>
internal static class SchedulerSetup
{
    /// <summary>The options that the settings ask for.</summary>
    public static SchedulerOptions Options(SwarmSettings settings, SchedulerFaults faults) => new()
    {
        PageCount = settings.Pages,
        MaxSequences = settings.MaxSequences,
        MaxBatchedTokens = settings.MaxBatchedTokens,
        MaxQueuedRequests = settings.MaxQueued,
        MaxModelLength = settings.MaxModelLength,
        AdapterSlots = settings.AdapterSlots,
        MaxAdaptersPerStep = settings.MaxAdaptersPerStep,
        ModelRevision = Digest.Of("fake model"u8),
        PrefixCaching = settings.PrefixCaching,
        Faults = faults,
    };
}
