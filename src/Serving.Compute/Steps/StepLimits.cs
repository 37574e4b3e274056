namespace Serving.Compute.Steps;

/// <summary>The largest step a backend is asked to run: every step buffer is taken once, from these.</summary>
/// <param name="MaxRows">Token rows per step (the token budget).</param>
/// <param name="MaxSequences">Sequences per step.</param>
/// <param name="MaxOutputs">Sampled or scored rows per step (at most <paramref name="MaxRows"/>).</param>
/// <param name="MaxContext">Tokens of one sequence.</param>
public sealed record StepLimits(int MaxRows, int MaxSequences, int MaxOutputs, int MaxContext);
