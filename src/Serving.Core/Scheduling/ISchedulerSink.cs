using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>What becomes of a sequence after a token, in the view of whoever turns tokens into text.</summary>
public enum TokenVerdict
{
    /// <summary>Go on.</summary>
    Continue,

    /// <summary>A stop string is complete: the sequence ends with <see cref="FinishReason.Stop"/>.</summary>
    Stop,

    /// <summary>Nobody takes the output any more (its reader is too slow): the request ends with <see cref="RequestError.SlowReader"/>.</summary>
    Abort,

    /// <summary>
    /// The sequence's constraint allows no token after this one: unless it ends with this one in any case, the request ends with <see cref="RequestError.ConstraintUnsatisfiable"/>.
    /// </summary>
    DeadEnd,

    /// <summary>What nobody foresaw happened while the token was taken: the request ends with <see cref="RequestError.Internal"/>, and nothing else does.</summary>
    Fault,
}

/// <summary>
/// Where the scheduler's results go. Called on the engine thread from inside <c>Submit</c>, <c>Cancel</c>, <c>Schedule</c>, <c>Complete</c> and <c>Fail</c>; must not
/// call the scheduler back.
/// </summary>
public interface ISchedulerSink
{
    /// <summary>
    /// Whether it is known which tokens a constrained sequence allows behind those that it has: then it may get rows, and what was planned ahead counts. Asked of no other sequence, perhaps several
    /// times in one <c>Schedule</c>, and once in the <c>Complete</c> that has brought a token behind which an output was planned ahead (<see cref="StepPlan.LateOutputs"/>). One that is not ready keeps its
    /// pages, its seat or its place in the queue, and its deadline; others go on. When nothing else runs <c>Schedule</c> returns null, and is to be called again once the sequence is ready.
    /// </summary>
    bool IsReady(Sequence sequence);

    /// <summary>
    /// Guesses the tokens that follow a sequence's last one. Asked when its one row in the step being made samples the next token; how many of the guesses get a row is up to the scheduler, and what is sampled does
    /// not depend on them: a guess that is wrong costs time and nothing else.
    /// </summary>
    /// <param name="sequence">Whose; no token of it is pending.</param>
    /// <param name="drafts">Room for as many as its length leaves, and <see cref="SchedulerOptions.MaxDraftTokens"/> at most.</param>
    /// <returns>How many there are.</returns>
    int Propose(Sequence sequence, Span<Draft> drafts) => 0;

    /// <summary>A token became part of a sequence's output (a stop token that ends the sequence is not reported here).</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="token">The token.</param>
    /// <param name="output">Index into the completed plan's outputs, where its logprobs are.</param>
    TokenVerdict OnToken(Sequence sequence, int token, int output);

    /// <summary>A prompt token was scored (echo with logprobs).</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="ordinal">Ordinal of the scored prompt token, from 1: the first one has nothing before it.</param>
    /// <param name="output">Index into the completed plan's outputs.</param>
    void OnPromptScored(Sequence sequence, int ordinal, int output);

    /// <summary>The last prompt token of a request to embed was computed; again, with the same bits, when it is computed again after preemption.</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="hidden">Index into the hidden states that the completed plan gave back.</param>
    void OnPromptEmbedded(Sequence sequence, int hidden) => throw new NotSupportedException("Nobody takes embeddings.");

    /// <summary>A sequence ended: its one terminal event. Its pages are given back.</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="reason">Why.</param>
    /// <param name="stopToken">The stop token that ended it, if one did.</param>
    /// <param name="error">The error of a failed or cancelled one.</param>
    void OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error);

    /// <summary>An adapter is to be loaded into leased pages; answered by <c>AdapterReady</c> or <c>AdapterFailed</c>.</summary>
    void OnAdapterLoad(AdapterLoad load);

    /// <summary>A module's pages are to be copied to host memory or back; answered by <c>ModuleTransferred</c> or <c>ModuleTransferFailed</c>.</summary>
    void OnModuleTransfer(ModuleTransfer transfer);
}
