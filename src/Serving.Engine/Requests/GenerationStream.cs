using System.Threading.Channels;

namespace Serving.Engine.Requests;

/// <summary>Token counts of a finished request.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens generated, over all choices.</param>
/// <param name="CachedTokens">Prompt tokens taken from the prefix cache and from modules that were encoded already.</param>
/// <param name="Modules">The imported modules in the schema's order; null for a prompt without a schema.</param>
/// <param name="HasBegun">Whether any of the prompt was computed or found in the cache.</param>
/// <param name="ReasoningTokens">Those of the generated tokens that were thoughts, marks included.</param>
public readonly record struct GenerationUsage(
    int PromptTokens, int CompletionTokens, int CachedTokens, IReadOnlyList<ModuleUsage>? Modules = null, bool HasBegun = true, int ReasoningTokens = 0);

/// <summary>What an imported module was to its request.</summary>
/// <param name="Path">Its path in the schema.</param>
/// <param name="Tokens">Tokens of its own text.</param>
/// <param name="CachedTokens">Those of them that were encoded already.</param>
public readonly record struct ModuleUsage(string Path, int Tokens, int CachedTokens);

/// <summary>
/// An accepted request: its events in order, from a bounded channel. Disposing it (or cancelling the read) before the end cancels the request, which leaves the
/// batch within one step.
/// </summary>
public sealed class GenerationStream : IAsyncDisposable
{
    private readonly ChannelReader<GenerationEvent> _events;
    private readonly Func<GenerationUsage> _usage;
    private readonly Action _cancel;

    /// <summary>Wraps the reading end of a request's channel.</summary>
    /// <param name="id">The request's id.</param>
    /// <param name="model">The model's name as the client may know it.</param>
    /// <param name="promptTokens">The encoded prompt.</param>
    /// <param name="choices">Number of choices.</param>
    /// <param name="events">Completed after every choice has had its last event.</param>
    /// <param name="usage">Counts so far; exact once the channel is completed.</param>
    /// <param name="cancel">Cancels the request; harmless once it has ended.</param>
    public GenerationStream(
        string id,
        string model,
        IReadOnlyList<int> promptTokens,
        int choices,
        ChannelReader<GenerationEvent> events,
        Func<GenerationUsage> usage,
        Action cancel)
    {
        Id = id;
        Model = model;
        PromptTokens = promptTokens;
        Choices = choices;
        _events = events;
        _usage = usage;
        _cancel = cancel;
    }

    /// <summary>The request's id.</summary>
    public string Id { get; }

    /// <summary>The model's name.</summary>
    public string Model { get; }

    /// <summary>The encoded prompt.</summary>
    public IReadOnlyList<int> PromptTokens { get; }

    /// <summary>Number of choices.</summary>
    public int Choices { get; }

    /// <summary>Tokens that it may come to hold: prompt + n × max_tokens.</summary>
    public long ReservedTokens { get; init; }

    /// <summary>The adapter's digest, 64 hexadecimal digits; null for the base model.</summary>
    public string? AdapterDigest { get; init; }

    /// <summary>Token counts so far; exact after the last event.</summary>
    public GenerationUsage Usage => _usage();

    /// <summary>The events in order, until every choice has ended.</summary>
    public IAsyncEnumerable<GenerationEvent> ReadAllAsync(CancellationToken cancellationToken) => _events.ReadAllAsync(cancellationToken);

    /// <summary>Cancels the request if it has not ended.</summary>
    public ValueTask DisposeAsync()
    {
        _cancel();
        return ValueTask.CompletedTask;
    }
}
