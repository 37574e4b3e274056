using System.Text.Json.Serialization.Metadata;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A streamed completion: chunks with text, the last of each choice with its finish reason.</summary>
internal sealed class CompletionStreamFormat(AnswerHead head, int choices) : IStreamFormat<TextCompletion>
{
    private readonly TextOffsets[] _offsets = TextOffsets.Many(choices);

    /// <inheritdoc/>
    public JsonTypeInfo<TextCompletion> Type => OpenAiJson.Wire.TextCompletion;

    /// <inheritdoc/>
    public IEnumerable<TextCompletion> Chunks(IndexedEvent happened)
    {
        var (index, content) = (happened.Index, happened.Event);
        if (content.Text.Length == 0 && content.Logprobs is null or { Count: 0 } && content.FinishReason is null)
        {
            return [];
        }

        return [Chunk(new CompletionChoice
        {
            Index = index,
            Text = content.Text,
            Logprobs = LogprobFormat.Completion(content.Logprobs, _offsets[index]),
            FinishReason = AnswerFormat.Word(content),
            StopReason = AnswerFormat.Stop(content.StopReason),
        })];
    }

    /// <inheritdoc/>
    public TextCompletion UsageChunk(UsageInfo usage) => Chunk() with { Usage = usage };

    /// <inheritdoc/>
    public TextCompletion WithUsage(TextCompletion chunk, UsageInfo usage) => chunk with { Usage = usage };

    private TextCompletion Chunk(params CompletionChoice[] choices) => new()
    {
        Id = head.Id,
        Created = head.Created,
        Model = head.Model,
        Choices = choices,
    };
}
