namespace Serving.Compute.Cuda.Launches;

/// <summary>A program as what is queued for a step.</summary>
/// <param name="Copies">Page copies, which few steps have: never recorded.</param>
/// <param name="Works">Everything else, in order.</param>
internal sealed record CompiledProgram(IStepWork Copies, IStepWork[] Works);
