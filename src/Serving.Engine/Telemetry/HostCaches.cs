namespace Serving.Engine.Telemetry;

/// <summary>What the caches in host memory hold at one moment; each is bounded by a setting of its own.</summary>
/// <param name="Adapters">Adapters as the device takes them.</param>
/// <param name="AdapterBytes">Bytes of those.</param>
/// <param name="Constraints">Compiled constraints.</param>
/// <param name="ConstraintBytes">About how many bytes those and their masks take.</param>
/// <param name="Schemas">Prompt schemas of all tenants.</param>
public readonly record struct HostCaches(int Adapters, long AdapterBytes, int Constraints, long ConstraintBytes, int Schemas);
