using System.Threading.Channels;
using Serving.Core.Requests;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>
/// An accepted request while it runs: the writing end of its channel, its counts and its times. Written by the engine thread only, but for
/// <see cref="IsCancelled"/>.
/// </summary>
public sealed class ActiveRequest
{
    private readonly Channel<GenerationEvent> _channel;
    private readonly int _streamCapacity;
    private readonly Lock _endLock = new();
    private readonly Admission _admission;
    private Action? _released;
    private readonly EngineStatistics _statistics;
    private int _openChoices;
    private bool _failed;
    private int _completionTokens;
    private int _cachedTokens;
    private int _reasoningTokens;
    private IReadOnlyList<ModuleUsage>? _modules;

    /// <summary>Creates the request's channel.</summary>
    /// <param name="request">What the core runs.</param>
    /// <param name="source">What the client asked for.</param>
    /// <param name="prompt">What it imports; null for a prompt without a schema.</param>
    /// <param name="streamCapacity">Events kept for a reader that is behind; the last event of each choice always has room beside them.</param>
    /// <param name="arrival">When it arrived, in the engine's microseconds.</param>
    /// <param name="statistics">Where its times are counted.</param>
    /// <param name="admission">Its place, ended once when every choice has ended.</param>
    public ActiveRequest(Request request, GenerationRequest source, CompiledPrompt? prompt, int streamCapacity, long arrival, EngineStatistics statistics, Admission admission)
    {
        ArgumentNullException.ThrowIfNull(request);
        Request = request;
        Source = source;
        Prompt = prompt;
        OfferedTools = source?.Prompt is ChatPrompt chat ? ToolRules.Names(chat) : null;
        OfferedParameters = new ParameterKinds((source?.Prompt as ChatPrompt)?.ShownFunctions);
        _modules = prompt?.UsageOf([]);
        Arrival = arrival;
        _streamCapacity = streamCapacity;
        _admission = admission;
        _statistics = statistics;
        _openChoices = request.Choices;
        _channel = Channel.CreateBounded<GenerationEvent>(new BoundedChannelOptions(streamCapacity + (2 * request.Choices))
        {
            SingleReader = true,
            SingleWriter = true,
            FullMode = BoundedChannelFullMode.Wait,
        });
    }

    /// <summary>What the core runs.</summary>
    public Request Request { get; }

    /// <summary>What the client asked for.</summary>
    public GenerationRequest Source { get; }

    /// <summary>What it imports; null for a prompt without a schema.</summary>
    public CompiledPrompt? Prompt { get; }

    /// <summary>The functions that its answer may call; null when none were offered.</summary>
    public IReadOnlySet<string>? OfferedTools { get; }

    /// <summary>How their parameters are read, where a model writes them one by one.</summary>
    public ParameterKinds OfferedParameters { get; }

    /// <summary>What its answers have to be; null for any text.</summary>
    public RequestConstraint? Constraint { get; init; }

    /// <summary>Where its answers begin: its prompt has opened thoughts, or closed them, or leaves it to the model.</summary>
    public ReasoningStart ReasoningStart { get; init; }

    /// <summary>When it arrived.</summary>
    public long Arrival { get; }

    /// <summary>When its first row was scheduled; 0 before.</summary>
    public long FirstScheduled { get; private set; }

    /// <summary>When its first token came; 0 before.</summary>
    public long FirstToken { get; private set; }

    /// <summary>Logprobs of the prompt's tokens scored so far, in order (echo with logprobs); choice 0 scores for all choices.</summary>
    public List<TokenLogprob> PromptLogprobs { get; } = [];

    /// <summary>Its prompt's embedding, once it is computed.</summary>
    public IReadOnlyList<float>? Embedding { get; set; }

    /// <summary>Set by the client's side when it has gone; the engine looks at it between steps.</summary>
    public bool IsCancelled { get; set; }

    /// <summary>True once every choice has ended, or the request was refused.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>The reading end.</summary>
    public ChannelReader<GenerationEvent> Events => _channel.Reader;

    /// <summary>Counts so far.</summary>
    public GenerationUsage Usage => new(
        Request.Prompt.Count, Volatile.Read(ref _completionTokens), Volatile.Read(ref _cachedTokens), Volatile.Read(ref _modules), FirstScheduled != 0, Volatile.Read(ref _reasoningTokens));

    /// <summary>Notes that rows of it are in a step.</summary>
    /// <param name="sequence">The first of its sequences, when nothing was scheduled before.</param>
    /// <param name="now">The time.</param>
    public void OnScheduled(Sequence sequence, long now)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (FirstScheduled == 0)
        {
            _cachedTokens = sequence.CachedCount;
            FirstScheduled = now;
            _statistics.QueueTime.Observe(Seconds(Arrival, now));
        }
    }

    /// <summary>Counts an output token (stop tokens too).</summary>
    public void CountToken(long now)
    {
        _completionTokens++;
        if (FirstToken == 0)
        {
            FirstToken = now;
            _statistics.TimeToFirstToken.Observe(Seconds(Arrival, now));
            _statistics.PrefillTime.Observe(Seconds(FirstScheduled, now));
        }
    }

    /// <summary>Counts output tokens that were thoughts.</summary>
    public void CountReasoning(int tokens) => _reasoningTokens += tokens;

    /// <summary>Gives an event to the reader.</summary>
    /// <returns>False when the reader is too far behind.</returns>
    public bool TryWrite(GenerationEvent generated) =>
        _channel.Reader.Count < _streamCapacity && _channel.Writer.TryWrite(generated);

    /// <summary>Notes at the end of the first choice what of the prompt was found computed.</summary>
    public void NoteUsage(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Choice == 0)
        {
            _cachedTokens = sequence.CachedCount;
            _modules = Prompt?.UsageOf(sequence.ImportHits);
        }
    }

    /// <summary>Gives the last event of a choice to the reader; there is always room for it. After the last choice the channel ends.</summary>
    public void WriteLast(GenerationEvent generated, long now)
    {
        ArgumentNullException.ThrowIfNull(generated);
        _channel.Writer.TryWrite(generated);
        _statistics.CountFinished(generated.FinishReason ?? FinishReason.Failed);
        if (generated.Failure is { } failure && !_failed)
        {
            _failed = true;
            _statistics.CountFailed(failure.Error);
        }

        if (--_openChoices == 0)
        {
            ObserveEnd(now);
            Release();
            _channel.Writer.Complete();
        }
    }

    /// <summary>
    /// Ends the request's admission, with what it used: its prompt, once a row of it was computed or looked up, and what it generated. Only the first call of this and
    /// <see cref="Withdraw"/> counts.
    /// </summary>
    public void Release() => End(() => _admission.End(FirstScheduled == 0 ? 0 : Request.Prompt.Count + _completionTokens));

    /// <summary>Ends it as if it had never been: the engine could not take it.</summary>
    public void Withdraw() => End(_admission.Withdraw);

    /// <summary>Adds something to do when the request ends; does it at once if it has.</summary>
    public void OnReleased(Action action)
    {
        lock (_endLock)
        {
            if (!HasEnded)
            {
                _released += action;
                return;
            }
        }

        action();
    }

    private void End(Action admission)
    {
        Action? released;
        lock (_endLock)
        {
            if (HasEnded)
            {
                return;
            }

            HasEnded = true;
            released = _released;
            _released = null;
        }

        admission();
        released?.Invoke();
    }

    private static double Seconds(long from, long to) => (to - from) * 1e-6;

    private void ObserveEnd(long now)
    {
        _statistics.EndToEnd.Observe(Seconds(Arrival, now));
        _statistics.PromptTokens.Observe(Request.Prompt.Count);
        _statistics.GenerationTokens.Observe(_completionTokens);
        _statistics.Choices.Observe(Request.Choices);
        _statistics.MaxTokens.Observe(Request.Sampling.MaxTokens);
        if (FirstToken != 0)
        {
            _statistics.DecodeTime.Observe(Seconds(FirstToken, now));
            var perChoice = _completionTokens / (double)Request.Choices;
            if (perChoice > 1)
            {
                _statistics.TimePerOutputToken.Observe(Seconds(FirstToken, now) / (perChoice - 1));
            }
        }
    }
}
