namespace Serving.LoadTests.Scenarios;

/// <summary>What was asked for cannot be run: everything that is wrong with it, a line each.</summary>
internal sealed class ScenarioException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors))
{
    /// <summary>A single one.</summary>
    public ScenarioException(string error)
        : this([error])
    {
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
