using Serving.Core.Requests;

namespace Serving.Simulation.Oracle;

/// <summary>What must happen next to a sequence that nobody disturbs.</summary>
/// <param name="Token">The token that is sampled; −1 when the sequence ends without one.</param>
/// <param name="Reported">Whether the token is part of the answer: a stop token is not.</param>
/// <param name="StopString">Whether the token completes a stop string.</param>
/// <param name="End">Why the sequence ends with this token; null when it goes on.</param>
internal readonly record struct Expected(int Token, bool Reported, bool StopString, FinishReason? End);
