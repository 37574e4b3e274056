using System.Text.Json.Serialization.Metadata;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A streamed chat: a chunk with the role, chunks with thoughts, with text or with parts of calls, a chunk with the finish reason, for each choice.</summary>
internal sealed class ChatStreamFormat(AnswerHead head, int choices, CustomCalls custom) : IStreamFormat<ChatCompletionChunk>
{
    private readonly bool[] _opened = new bool[choices];

    /// <inheritdoc/>
    public JsonTypeInfo<ChatCompletionChunk> Type => OpenAiJson.Wire.ChatCompletionChunk;

    /// <inheritdoc/>
    public IEnumerable<ChatCompletionChunk> Chunks(IndexedEvent happened)
    {
        var (index, content) = (happened.Index, happened.Event);
        if (!_opened[index])
        {
            _opened[index] = true;
            yield return Chunk(new ChatChunkChoice { Index = index, Delta = new ChatDelta("assistant", "") });
        }

        // Clients look at thoughts, text or calls, not at several in one chunk. Logprobs go with the first.
        var logprobs = LogprobFormat.Chat(content.Logprobs);
        if (content.Reasoning.Length > 0)
        {
            yield return Chunk(new ChatChunkChoice { Index = index, Delta = new ChatDelta(Reasoning: content.Reasoning), Logprobs = logprobs });
            logprobs = null;
        }

        if (content.Text.Length > 0 || logprobs is { Content.Count: > 0 })
        {
            yield return Chunk(new ChatChunkChoice { Index = index, Delta = new ChatDelta(null, content.Text), Logprobs = logprobs });
        }

        if (CallParts(index, content) is { Count: > 0 } calls)
        {
            yield return Chunk(new ChatChunkChoice { Index = index, Delta = new ChatDelta(ToolCalls: calls) });
        }

        if (AnswerFormat.Word(content) is { } word)
        {
            yield return Chunk(new ChatChunkChoice
            {
                Index = index,
                Delta = new ChatDelta(),
                FinishReason = word,
                StopReason = AnswerFormat.Stop(content.StopReason),
            });
        }
    }

    /// <inheritdoc/>
    public ChatCompletionChunk UsageChunk(UsageInfo usage) => Chunk() with { Usage = usage };

    /// <inheritdoc/>
    public ChatCompletionChunk WithUsage(ChatCompletionChunk chunk, UsageInfo usage) => chunk with { Usage = usage };

    private List<ChatToolCallPart> CallParts(int choice, GenerationEvent content)
    {
        var parts = new List<ChatToolCallPart>();
        foreach (var call in content.ToolCalls)
        {
            var input = custom.Read(choice, call);
            if (call.Name is not null || (input ?? call.Arguments).Length > 0)
            {
                parts.Add(new ChatToolCallPart
                {
                    Index = call.Index,
                    Id = call.Id,
                    Type = call.Name is null ? null : input is null ? "function" : CustomTools.Type,
                    Function = input is null ? new ChatFunctionPart(call.Name, call.Arguments) : null,
                    Custom = input is null ? null : new ChatCustomPart(call.Name, input),
                });
            }
        }

        return parts;
    }

    private ChatCompletionChunk Chunk(params ChatChunkChoice[] choices) => new()
    {
        Id = head.Id,
        Created = head.Created,
        Model = head.Model,
        Choices = choices,
    };
}
