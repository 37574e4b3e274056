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
        Markers = (support.Format?.Markers ?? []).Select(marker => tokenizer.TryGetId(marker, out var id) ? id : -1).Where(id => id >= 0).ToHashSet();
    }

    /// <summary>How the model writes calls; null where they are not looked for.</summary>
    public ToolCallFormat? Format => _support.Format;

    /// <summary>Tokens whose text an answer that may call functions is read with.</summary>
    public IReadOnlySet<int> Markers { get; }

    /// <summary>The reader of one choice of a request; null when calls are not looked for.</summary>
    public ToolCallParser? Begin(ActiveRequest active)
    {
        ArgumentNullException.ThrowIfNull(active);
        return _support.Format is { } format && active.OfferedTools is { } names
            ? new ToolCallParser(format, names, active.Source.Prompt is ChatPrompt { ParallelCalls: false } ? 1 : 0, () => ToolCallIds.New(format))
            : null;
    }
}
