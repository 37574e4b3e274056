namespace Serving.Compute.Cuda.Launches;

/// <summary>A program as what is queued for a step.</summary>
/// <param name="Copies">Page copies, which few steps have: never recorded.</param>
/// <param name="Works">Everything else up to the logits, in order: what is recorded.</param>
/// <param name="Sampling">What is done with the logits: never recorded, as it may have to wait for masks.</param>
internal sealed record CompiledProgram(IStepWork Copies, IStepWork[] Works, IStepWork[] Sampling);
