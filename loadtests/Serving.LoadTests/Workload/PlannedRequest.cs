namespace Serving.LoadTests.Workload;

/// <summary>A request as the seed decides it, before it is sent.</summary>
/// <param name="Model">Whom it asks.</param>
/// <param name="PromptTokens">Tokens of its prompt; with documents those of the question alone.</param>
/// <param name="OutputTokens">Tokens of its answer.</param>
/// <param name="Seed">Of what is its own.</param>
/// <param name="Blocks">Beginnings that others have too: blocks of one number hold the same tokens.</param>
/// <param name="BlockTokens">Tokens of a block.</param>
/// <param name="Documents">Documents that it is about.</param>
/// <param name="HangUpAfter">Tokens after which its client hangs up; null: never.</param>
internal sealed record PlannedRequest(
    string Model, int PromptTokens, int OutputTokens, long Seed, IReadOnlyList<long> Blocks, int BlockTokens, IReadOnlyList<int> Documents, int? HangUpAfter);
