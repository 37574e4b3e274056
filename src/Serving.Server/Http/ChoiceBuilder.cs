using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Gathers the events of one choice.</summary>
internal sealed class ChoiceBuilder
{
    private readonly GatheredAnswer _answer = new();
    private List<TokenLogprob>? _logprobs;

    /// <summary>The text so far.</summary>
    public string Text => _answer.Text;

    /// <summary>The thoughts so far.</summary>
    public string Reasoning => _answer.Reasoning;

    /// <summary>The calls so far.</summary>
    public IEnumerable<(string Id, string Name, string Arguments)> Calls => _answer.Calls;

    /// <summary>Logprobs so far, when there are any.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs => _logprobs;

    /// <summary>Logprobs of the prompt, when there are any.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; private set; }

    /// <summary>The wire's word for why it ended.</summary>
    public string? FinishReason { get; private set; }

    /// <summary>The stop string or token id that ended it.</summary>
    public EndedBy? StopReason { get; private set; }

    /// <summary>Builders for some choices.</summary>
    public static ChoiceBuilder[] Many(int count) => [.. Enumerable.Range(0, count).Select(_ => new ChoiceBuilder())];

    /// <summary>Takes in an event.</summary>
    public void Add(GenerationEvent happened)
    {
        _answer.Add(happened);
        if (happened.Logprobs is { } logprobs)
        {
            (_logprobs ??= []).AddRange(logprobs);
        }

        PromptLogprobs ??= happened.PromptLogprobs;
        FinishReason ??= AnswerFormat.Word(happened);
        StopReason ??= AnswerFormat.Stop(happened.StopReason);
    }
}
