namespace Serving.LoadTests.Running;

/// <summary>What the command line adds to a load test.</summary>
/// <param name="Address">Where the daemon is.</param>
/// <param name="Keys">Tenants' keys; under * that of those not named.</param>
/// <param name="RateFactor">What rates, copies and traces' speeds are multiplied by.</param>
/// <param name="TimeFactor">What times and the numbers of requests of closed loops are multiplied by, warm-up included.</param>
/// <param name="Seed">Instead of the file's; null for that.</param>
/// <param name="Trace">The trace that the file leaves open; null for none.</param>
internal sealed record RunOptions(Uri Address, IReadOnlyDictionary<string, string> Keys, double RateFactor, double TimeFactor, long? Seed, string? Trace)
{
    /// <summary>A tenant's key.</summary>
    public string? KeyOf(string tenant) => Keys.TryGetValue(tenant, out var key) || Keys.TryGetValue("*", out key) ? key : null;
}
