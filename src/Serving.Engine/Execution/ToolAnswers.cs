using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>What the engine needs to read answers that may call functions.</summary>
public sealed class ToolAnswers
{
    private readonly ToolSupport _support;

    /// <summary>Prepares for a model.</summary>
    /// <param name="tokenizer">Its tokenizer: marks of a call may be special tokens, which have no text in an answer otherwise.</param>
    /// <param name="support">How it writes calls.</param>
    public ToolAnswers(Tokenizer tokenizer, ToolSupport support)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(support);
        _support = support;
        Spoken = new SpokenTokens((support.Format?.Markers ?? []).Select(marker => tokenizer.TryGetId(marker, out var id) ? id : -1).Where(id => id >= 0).ToHashSet());
    }

    /// <summary>How the model writes calls; null where they are not looked for.</summary>
    public ToolCallFormat? Format => _support.Format;

    /// <summary>Tokens whose text an answer that may call functions is read with.</summary>
    public SpokenTokens Spoken { get; }

    /// <summary>The reader of one choice of a request; null when calls are not looked for.</summary>
    public ToolCallParser? Begin(ActiveRequest active)
    {
        ArgumentNullException.ThrowIfNull(active);
        return _support.Format is { IsChannels: false } format && Looked(active) is (Names: { } names, var most, var newId) ? new ToolCallParser(format, names, most, newId, active.OfferedParameters) : null;
    }

    /// <summary>What is looked for in one choice of a request: calls of these functions (null where none are), so many at most (0 is any number), with ids drawn so.</summary>
    public (IReadOnlySet<string>? Names, int MaxCalls, Func<string> NewId) Looked(ActiveRequest active)
    {
        ArgumentNullException.ThrowIfNull(active);
        return (_support.Format is null ? null : active.OfferedTools, active.Source.Prompt is ChatPrompt { ParallelCalls: false } ? 1 : 0, () => ToolCallIds.New(_support.Format!));
    }
}
