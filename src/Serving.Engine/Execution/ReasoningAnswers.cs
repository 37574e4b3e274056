using Serving.Core.Requests;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>What the engine needs to tell thoughts from answers.</summary>
public sealed class ReasoningAnswers
{
    /// <summary>Tokens at a prompt's end that are looked at: more than marks and the white space beside them have, byte by byte.</summary>
    private const int EndTokens = 32;

    private readonly Tokenizer _tokenizer;
    private readonly ReasoningFormat? _format;

    /// <summary>Prepares for a model.</summary>
    /// <param name="tokenizer">Its tokenizer: marks may be special tokens, which have no text in an answer otherwise.</param>
    /// <param name="support">How it marks thoughts.</param>
    public ReasoningAnswers(Tokenizer tokenizer, ReasoningSupport support)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(support);
        _tokenizer = tokenizer;
        _format = support.Format;
        Marks = _format is { IsChannels: false } && tokenizer.TryGetId(_format.Open, out var open) && tokenizer.TryGetId(_format.Close, out var close) ? new ThoughtMarks(open, close) : null;
        var ids = (_format?.Markers ?? []).Select(marker => tokenizer.TryGetId(marker, out var id) ? id : -1).ToList();

        // Where every mark is a special token, a text that spells one out, as an answer about the format does, is told from it.
        var areTokens = _format is { IsChannels: true } && ids.All(id => id >= 0 && tokenizer.IsSpecial(id));
        Spoken = new SpokenTokens(ids.Where(id => id >= 0).ToHashSet(), areTokens ? SpokenTokens.Noncharacter : "");
    }

    /// <summary>How the model marks thoughts; null where they are not looked for.</summary>
    public ReasoningFormat? Format => _format;

    /// <summary>The tokens of the marks; null where one of them is several, or there are none.</summary>
    public ThoughtMarks? Marks { get; }

    /// <summary>Tokens whose text an answer that may begin with thoughts is read with.</summary>
    public SpokenTokens Spoken { get; }

    /// <summary>Where a request's answers begin. Only the prompt knows: templates open thoughts or close them for reasons of their own.</summary>
    /// <param name="request">The request. Only a conversation has thoughts told apart.</param>
    /// <param name="prompt">Its tokens.</param>
    public ReasoningStart StartOf(GenerationRequest request, ReadOnlySpan<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _format is null || request.Prompt is not ChatPrompt
            ? ReasoningStart.Answer
            : _format.StartBehind(_tokenizer.Decode(prompt[^Math.Min(prompt.Length, EndTokens)..], skipSpecialTokens: false));
    }

    /// <summary>A request whose thoughts are bounded only if they can be: their end is one token that has to be known.</summary>
    /// <returns>A failure where the request insists.</returns>
    public (GenerationRequest Request, RequestFailure? Failure) Bound(GenerationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (Marks is not null || request.Prompt is not ChatPrompt { ThinkingBudget: not null } chat)
        {
            return (request, null);
        }

        return chat.ThinkingBudgetField is { } field
            ? (request, new RequestFailure(RequestError.NotSupported, $"{field}: {(_format is null ? "no thoughts of this model's are told from its answers" : "this model's thoughts do not end with a single token")}.", field))
            : (request with { Prompt = chat with { ThinkingBudget = null } }, null);
    }

    /// <summary>The reader of one choice; null when there are no thoughts to look for.</summary>
    public ReasoningParser? Begin(ReasoningStart start) => _format is not null && start != ReasoningStart.Answer ? new ReasoningParser(_format, start) : null;
}
