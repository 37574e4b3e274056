namespace Serving.Compute.Programs;

/// <summary>A mixture of experts: layers whose MLP is many small ones, of which every token goes through a few (arXiv 1701.06538; Mixtral, arXiv 2401.04088).</summary>
/// <param name="ExpertCount">Experts of a layer.</param>
/// <param name="ChoiceCount">Experts that a token goes through.</param>
public sealed record MixtureShape(int ExpertCount, int ChoiceCount);
