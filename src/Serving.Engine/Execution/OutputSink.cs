using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>Turns what the scheduler decides into events of requests. Runs on the engine thread, inside the scheduler's calls.</summary>
public sealed class OutputSink : ISchedulerSink
{
    private readonly Tokenizer _tokenizer;
    private readonly LogprobReader _logprobs;
    private readonly EmbeddingReader _embeddings;
    private readonly EngineStatistics _statistics;
    private readonly AnswerReaders _readers;
    private readonly HashSet<int> _endOfSequence;
    private readonly Action<AdapterLoad> _load;
    private readonly Action<ModuleTransfer> _copy;
    private readonly Action<string, Exception> _fault;

    /// <summary>Creates the sink.</summary>
    /// <param name="tokenizer">For token texts.</param>
    /// <param name="readers">Tells thoughts, content and calls apart.</param>
    /// <param name="logprobs">Reads the step's outputs.</param>
    /// <param name="embeddings">Reads hidden states of them.</param>
    /// <param name="statistics">Where times between tokens are counted.</param>
    /// <param name="endOfSequence">The model's end-of-sequence ids: their stops are reported without a stop reason.</param>
    /// <param name="load">Starts loading an adapter; must not block.</param>
    /// <param name="copy">Starts copying a module; must not block.</param>
    /// <param name="fault">Told what nobody foresaw.</param>
    public OutputSink(
        Tokenizer tokenizer,
        AnswerReaders readers,
        LogprobReader logprobs,
        EmbeddingReader embeddings,
        EngineStatistics statistics,
        IEnumerable<int> endOfSequence,
        Action<AdapterLoad> load,
        Action<ModuleTransfer> copy,
        Action<string, Exception> fault)
    {
        _tokenizer = tokenizer;
        _readers = readers;
        _logprobs = logprobs;
        _embeddings = embeddings;
        _statistics = statistics;
        _endOfSequence = [.. endOfSequence];
        _load = load;
        _copy = copy;
        _fault = fault;
    }

    /// <summary>The time of the scheduler call under way.</summary>
    public long Now { get; set; }

    /// <summary>Tokens generated since start.</summary>
    public long GeneratedTokens { get; private set; }

    /// <inheritdoc/>
    public bool IsReady(Sequence sequence) => StateOf(sequence).Constraint?.IsReady ?? true;

    /// <inheritdoc/>
    public int Propose(Sequence sequence, Span<Draft> drafts)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        var state = StateOf(sequence);
        try
        {
            return state.CannotGuess || state.Failure is not null ? 0 : state.Propose(sequence.Tokens, drafts);
        }
        catch (Exception exception)
        {
            state.CannotGuess = true;
            _fault("Tokens could not be guessed; the answer goes on without.", exception);
            return 0;
        }
    }

    /// <inheritdoc/>
    public TokenVerdict OnToken(Sequence sequence, int token, int output)
    {
        var state = StateOf(sequence);
        Count(state);
        if (state.Failure is not null)
        {
            return TokenVerdict.Fault;
        }

        try
        {
            return Take(sequence, state, token, output);
        }
        catch (Exception exception)
        {
            // What a text is made of is its request's own: nobody else's answer depends on it.
            state.Fail(exception);
            return TokenVerdict.Fault;
        }
    }

    private TokenVerdict Take(Sequence sequence, SequenceState state, int token, int output)
    {
        var active = state.Active;
        if (!SendPrompt(sequence, state))
        {
            return TokenVerdict.Abort;
        }

        var verdict = state.Constraint?.Advance(token) ?? TokenVerdict.Continue;
        if (verdict == TokenVerdict.DeadEnd)
        {
            return verdict;
        }

        var certain = state.Append(token);
        var count = active.Source.PromptLogprobs is null ? sequence.Request.Sampling.TopLogprobs : active.Source.TopLogprobs ?? -1;
        if (!certain.IsEmpty || count >= 0)
        {
            var generated = new GenerationEvent
            {
                Choice = sequence.Choice,
                Reasoning = certain.Reasoning,
                Text = certain.Text,
                ToolCalls = certain.Calls,
                Tokens = [token],
                OutputTokens = state.OutputTokens,
                Logprobs = count >= 0 ? [_logprobs.Read(token, output, count)] : null,
            };
            if (!active.TryWrite(generated))
            {
                return TokenVerdict.Abort;
            }
        }

        return state.HasEnded ? TokenVerdict.Stop : verdict;
    }

    /// <inheritdoc/>
    public void OnPromptScored(Sequence sequence, int ordinal, int output)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        var state = StateOf(sequence);
        try
        {
            Score(sequence, state.Active.PromptLogprobs, ordinal, output);
        }
        catch (Exception exception)
        {
            state.Fail(exception);
        }
    }

    private void Score(Sequence sequence, List<TokenLogprob> scored, int ordinal, int output)
    {
        if (scored.Count == 0)
        {
            scored.Add(_logprobs.First(sequence.Request.Prompt[0]));
        }

        // A prompt that is computed again after preemption is scored again, with the same bits.
        if (ordinal == scored.Count)
        {
            scored.Add(_logprobs.Read(sequence.Request.Prompt[ordinal], output, sequence.Request.Sampling.TopLogprobs));
        }
    }

    /// <inheritdoc/>
    public void OnPromptEmbedded(Sequence sequence, int hidden)
    {
        var state = StateOf(sequence);
        try
        {
            state.Active.Embedding = _embeddings.Read(hidden, state.Active.Source.Embedding!);
        }
        catch (Exception exception)
        {
            state.Fail(exception);
        }
    }

    /// <inheritdoc/>
    public void OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        var state = StateOf(sequence);
        if (stopToken is not null)
        {
            Count(state);
        }

        var completed = reason is FinishReason.Stop or FinishReason.Length;
        var rest = AnswerPart.Empty;
        try
        {
            completed &= state.Failure is null;
            rest = completed ? state.Flush() : rest;
            _ = !completed || SendPrompt(sequence, state);
            state.Active.NoteUsage(sequence);
        }
        catch (Exception exception)
        {
            state.Fail(exception);
        }

        if (state.Failure is { } failure)
        {
            _fault("What an answer is made of could not be worked out; its request ends, and nothing else does.", failure);
            (completed, reason, error) = reason is FinishReason.Stop or FinishReason.Length ? (false, FinishReason.Failed, RequestError.Internal) : (false, reason, error);
        }

        state.Constraint?.Abandon();
        state.Active.WriteLast(
            new GenerationEvent
            {
                Choice = sequence.Choice,
                Reasoning = rest.Reasoning,
                Text = rest.Text,
                ToolCalls = rest.Calls,
                CallsTools = state.CallsTools,
                Embedding = completed ? state.Active.Embedding : null,
                OutputTokens = state.OutputTokens,
                FinishReason = state.HasEnded && error is null ? FinishReason.Stop : reason,
                StopReason = StopReason(state, stopToken),
                Failure = error is { } failed ? Failures.Of(failed) : null,
            },
            Now);
    }

    /// <inheritdoc/>
    public void OnAdapterLoad(AdapterLoad load) => _load(load);

    /// <inheritdoc/>
    public void OnModuleTransfer(ModuleTransfer transfer) => _copy(transfer);

    /// <summary>What the engine keeps with a sequence; made when the sequence is first met, as the scheduler makes the choices after the first.</summary>
    public SequenceState StateOf(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Tag is SequenceState state)
        {
            return state;
        }

        var active = (ActiveRequest)sequence.Request.Owner!;
        try
        {
            state = new SequenceState(active, _tokenizer, _readers);
        }
        catch (Exception exception)
        {
            state = SequenceState.Failed(active, exception);
        }

        sequence.Tag = state;
        return state;
    }

    private static object? StopReasonOf(int? stopToken, HashSet<int> endOfSequence) =>
        stopToken is { } token && !endOfSequence.Contains(token) ? token : null;

    private object? StopReason(SequenceState state, int? stopToken) =>
        state.MatchedStop ?? StopReasonOf(stopToken, _endOfSequence);

    private void Count(SequenceState state)
    {
        GeneratedTokens++;
        state.OutputTokens++;
        state.Active.CountToken(Now);
        if (state.LastToken != 0)
        {
            _statistics.InterTokenLatency.Observe((Now - state.LastToken) * 1e-6);
        }

        state.LastToken = Now;
    }

    private bool SendPrompt(Sequence sequence, SequenceState state)
    {
        var source = state.Active.Source;
        if (!(source.Echo || source.PromptLogprobs is not null) || state.IsPromptSent)
        {
            return true;
        }

        state.IsPromptSent = true;
        var prompt = sequence.Request.Prompt;
        return state.Active.TryWrite(new GenerationEvent
        {
            Choice = sequence.Choice,
            Text = !source.Echo ? "" : source is { Prompt: TextPrompt text, Truncation: null } ? text.Text : _tokenizer.Decode([.. prompt], skipSpecialTokens: false),
            Tokens = source.Echo ? prompt : [],
            Logprobs = source is { Echo: true, TopLogprobs: { } top } ? PromptLogprobs(state.Active, prompt, top) : null,
            PromptLogprobs = source.PromptLogprobs is { } count ? PromptLogprobs(state.Active, prompt, count) : null,
            IsPrompt = source.Echo,
        });
    }

    // Read with as many likely tokens as anything that was asked for has.
    private IReadOnlyList<TokenLogprob> PromptLogprobs(ActiveRequest active, IReadOnlyList<int> prompt, int count) =>
        active.PromptLogprobs.Count == 0 ? [_logprobs.First(prompt[0])]
        : count == active.Source.ReportedLogprobs ? active.PromptLogprobs
        : [.. active.PromptLogprobs.Select(token => token with { Top = [.. token.Top.Take(count)] })];
}
