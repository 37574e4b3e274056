namespace Serving.Benchmarks.Cuda;

/// <summary>One measured figure.</summary>
/// <param name="Measure">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Limit">What it is held to, in words.</param>
internal sealed record BenchmarkRow(string Measure, double Value, string Unit, string Limit);
