using System.Text.Json.Serialization.Metadata;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A whole completion.</summary>
internal sealed class CompletionAnswerFormat(AnswerHead head, int choices) : IAnswerFormat<TextCompletion>
{
    private readonly ChoiceBuilder[] _choices = ChoiceBuilder.Many(choices);

    /// <inheritdoc/>
    public JsonTypeInfo<TextCompletion> Type => OpenAiJson.Wire.TextCompletion;

    /// <inheritdoc/>
    public void Add(IndexedEvent happened) => _choices[happened.Index].Add(happened.Event);

    /// <inheritdoc/>
    public TextCompletion Build(UsageInfo usage) => new()
    {
        Id = head.Id,
        Created = head.Created,
        Model = head.Model,
        Usage = usage,
        Choices = [.. _choices.Select(ToChoice)],
    };

    private static CompletionChoice ToChoice(ChoiceBuilder choice, int index) => new()
    {
        Index = index,
        Text = choice.Text,
        Logprobs = LogprobFormat.Completion(choice.Logprobs, new TextOffsets()),
        FinishReason = choice.FinishReason,
        StopReason = choice.StopReason,
        PromptLogprobs = LogprobFormat.Prompt(choice.PromptLogprobs),
    };
}
