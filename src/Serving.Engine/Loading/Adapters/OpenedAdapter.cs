namespace Serving.Engine.Loading.Adapters;

/// <summary>What opening a name comes to.</summary>
/// <param name="Handle">Whose adapter the name meant; nobody's when it is unknown.</param>
/// <param name="Outcome">Its identity, or why it cannot be had.</param>
public readonly record struct OpenedAdapter(AdapterHandle Handle, AdapterLoadOutcome Outcome);
