using System.Globalization;

namespace Serving.Simulation.Runs;

/// <summary>How much is simulated: what CI runs by default, more or one seed by environment variables.</summary>
internal static class SimulationBudget
{
    /// <summary>First seed: <c>SERVING_SIMULATION_SEED</c>, which by itself means that seed only.</summary>
    public static ulong FirstSeed { get; } = Read("SERVING_SIMULATION_SEED", 1);

    /// <summary>Number of seeds: <c>SERVING_SIMULATION_SEEDS</c>.</summary>
    public static int Seeds { get; } = (int)Read("SERVING_SIMULATION_SEEDS", OneSeed ? 1UL : 500UL);

    /// <summary>Steps of the safety phase of each: <c>SERVING_SIMULATION_STEPS</c>.</summary>
    public static int Steps { get; } = (int)Read("SERVING_SIMULATION_STEPS", 2000);

    /// <summary>Events shown of a failed run: <c>SERVING_SIMULATION_TAIL</c>.</summary>
    public static int Tail { get; } = (int)Read("SERVING_SIMULATION_TAIL", 60);

    /// <summary>Whether one seed was asked for.</summary>
    public static bool OneSeed => Environment.GetEnvironmentVariable("SERVING_SIMULATION_SEED") is { Length: > 0 };

    private static ulong Read(string variable, ulong standard) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : standard;
}
