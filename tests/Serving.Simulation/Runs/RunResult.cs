using Serving.Core.Scheduling;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>How a run went.</summary>
internal sealed record RunResult
{
    /// <summary>What the run was like.</summary>
    public required SwarmSettings Settings { get; init; }

    /// <summary>The mistake that was planted.</summary>
    public PlantedBug Bug { get; init; }

    /// <summary>Name of the violated invariant, or of the exception; null when all held.</summary>
    public string? Violation { get; init; }

    /// <summary>The violation's text.</summary>
    public string Message { get; init; } = "";

    /// <summary>The last events.</summary>
    public string Tail { get; init; } = "";

    /// <summary>Hash over every event.</summary>
    public ulong TraceHash { get; init; }

    /// <summary>Hash over the answers, whatever their order.</summary>
    public ulong AnswersHash { get; init; }

    /// <summary>Steps of the safety phase.</summary>
    public int SafetySteps { get; init; }

    /// <summary>Steps made.</summary>
    public int Steps { get; init; }

    /// <summary>Requests accepted.</summary>
    public long Requests { get; init; }

    /// <summary>Tokens that the device sampled.</summary>
    public long Tokens { get; init; }

    /// <summary>Rare things seen.</summary>
    public required MarkSet Marks { get; init; }

    /// <summary>Whether all invariants held.</summary>
    public bool Passed => Violation is null;

    /// <inheritdoc/>
    public override string ToString() => Passed
        ? $"seed={Settings.Seed} depth={Settings.Depth} steps={Steps} requests={Requests} tokens={Tokens} trace={TraceHash:x16}"
        : $"seed={Settings.Seed} depth={Settings.Depth} bug={Bug} step={Steps}: {Message}\n{Settings}\n{Tail}";
}
