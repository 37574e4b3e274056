namespace Serving.Core.Scheduling;

/// <summary>A guess of a token to come.</summary>
/// <param name="Token">The token.</param>
/// <param name="Chance">How likely it is to come where those before it did, 0 … 1.</param>
public readonly record struct Draft(int Token, float Chance);
