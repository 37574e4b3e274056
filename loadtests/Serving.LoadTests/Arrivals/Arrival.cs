namespace Serving.LoadTests.Arrivals;

/// <summary>When a request of an open loop is due.</summary>
/// <param name="At">Seconds from the beginning of the phase.</param>
/// <param name="PromptTokens">What a trace says of its prompt; 0: the scenario draws it.</param>
/// <param name="OutputTokens">What a trace says of its answer; 0: the scenario draws it.</param>
/// <param name="Blocks">What a trace says that its prompt consists of: blocks of one number hold the same tokens; null: the scenario draws the tokens.</param>
/// <param name="BlockTokens">Tokens of a block.</param>
internal readonly record struct Arrival(double At, int PromptTokens = 0, int OutputTokens = 0, IReadOnlyList<long>? Blocks = null, int BlockTokens = 0);

/// <summary>A stretch of a closed loop.</summary>
/// <param name="At">Seconds from the beginning of the phase.</param>
/// <param name="Copies">Requests under way at once.</param>
/// <param name="Seconds">How long new ones begin; null: until <paramref name="Requests"/> have.</param>
/// <param name="Requests">Requests in all; null: no end but the time.</param>
internal readonly record struct ClosedLoop(double At, int Copies, double? Seconds, int? Requests);
