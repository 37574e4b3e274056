namespace Serving.Simulation.Failures;

/// <summary>Something that must never be was seen.</summary>
internal sealed class InvariantViolation(string invariant, string message) : Exception($"{invariant}: {message}")
{
    /// <summary>Name of the invariant.</summary>
    public string Invariant { get; } = invariant;
}
