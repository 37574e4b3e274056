using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Worlds;

/// <summary>The scheduler's options in a run.</summary>
internal static class SchedulerSetup
{
    /// <summary>The fake model's identity.</summary>
    public static Digest Revision { get; } = Digest.Of("fake model"u8);

    /// <summary>The options that the settings ask for.</summary>
    public static SchedulerOptions Options(SwarmSettings settings, SchedulerFaults faults) => new()
    {
        PageCount = settings.Pages,
        MaxSequences = settings.MaxSequences,
        MaxBatchedTokens = settings.MaxBatchedTokens,
        MaxDraftTokens = settings.MaxDrafts,
        MaxQueuedRequests = settings.MaxQueued,
        StatePages = settings.StatePages,
        MinSnapshotTokens = 1,
        MaxModelLength = settings.MaxModelLength,
        AdapterSlots = settings.AdapterSlots,
        MaxAdaptersPerStep = settings.MaxAdaptersPerStep,
        ModelRevision = Revision,
        PrefixCaching = settings.PrefixCaching,
        HostPageCount = settings.HostPages,
        PinnedModuleShare = settings.PinnedShare,
        Faults = faults,
    };
}
