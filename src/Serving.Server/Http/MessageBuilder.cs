using System.Text;
using System.Text.Json.Serialization.Metadata;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// Makes a message of the engine's events: blocks one after the other, thoughts, text and calls, and the events that tell of them in Anthropic's order. A call that breaks off is text of a whole
/// message; a stream leaves what it has sent of it.
/// </summary>
internal sealed class MessageBuilder(AnswerHead head, MessageRequest request) : IAnswerFormat<MessageAnswer>, IEventFormat<MessageEvent>
{
    private const string TextType = "text";
    private const string ThinkingType = "thinking";
    private const string CallType = "tool_use";

    // Some clients leave thoughts out of the next request that have none.
    private const string Signature = "unsigned";

    private readonly List<WrittenBlock> _blocks = [];
    private string? _open;
    private int _index;
    private string? _stopReason;
    private string? _stopSequence;
    private bool _hasLength;

    /// <inheritdoc/>
    JsonTypeInfo<MessageAnswer> IAnswerFormat<MessageAnswer>.Type => AnthropicJson.Wire.MessageAnswer;

    /// <inheritdoc/>
    JsonTypeInfo<MessageEvent> IEventFormat<MessageEvent>.Type => AnthropicJson.Wire.MessageEvent;

    /// <inheritdoc/>
    public string NameOf(MessageEvent happened) => happened.NameOf();

    /// <inheritdoc/>
    public RequestFailure Rename(RequestFailure failure) => MessageRequestMapper.Rename(failure, request);

    /// <inheritdoc/>
    public IEnumerable<MessageEvent> Begin(UsageInfo usage) => [new MessageStart(Answer([], Usage(usage) with { OutputTokens = 0, OutputTokensDetails = null })), new Ping()];

    /// <inheritdoc/>
    public MessageEvent StillThere => new Ping();

    /// <inheritdoc/>
    public void Add(IndexedEvent happened) => Take(happened.Event);

    /// <inheritdoc/>
    public IReadOnlyList<MessageEvent> Take(GenerationEvent happened)
    {
        var events = new List<MessageEvent>();
        if (happened.Reasoning.Length > 0)
        {
            Write(events, ThinkingType, happened.Reasoning);
        }

        // Text stands behind a call that was open before, and before one that begins.
        var begun = happened.ToolCalls.TakeWhile(static call => call.Name is null).Count();
        foreach (var call in happened.ToolCalls.Take(begun))
        {
            Call(events, call);
        }

        if (happened.Text.Length > 0)
        {
            Write(events, TextType, happened.Text);
        }

        foreach (var call in happened.ToolCalls.Skip(begun))
        {
            Call(events, call);
        }

        if (happened.FinishReason is { } reason)
        {
            Close(events);
            _hasLength = reason == FinishReason.Length;
            _stopSequence = happened.CallsTools ? null : happened.StopReason as string;
            _stopReason = happened.CallsTools ? CallType : _stopSequence is not null ? "stop_sequence" : "end_turn";
        }

        return events;
    }

    /// <inheritdoc/>
    public MessageEvent Fail(RequestFailure failure) => new MessageFailed(ErrorMapper.MessageError(failure), head.Id);

    /// <inheritdoc/>
    public IEnumerable<MessageEvent> End(UsageInfo usage) => [new MessageEnd(new EndOfMessage(StopReason(usage), _stopSequence), Usage(usage)), new MessageStop()];

    /// <inheritdoc/>
    public MessageAnswer Build(UsageInfo usage) => Answer([.. _blocks.Select(static block => block.Whole())], Usage(usage)) with
    {
        StopReason = StopReason(usage),
        StopSequence = _stopSequence,
    };

    // What ends an answer before max_tokens, when there is no end of it, is the context.
    private string? StopReason(UsageInfo usage) =>
        !_hasLength ? _stopReason : usage.CompletionTokens < request.MaxTokens ? "model_context_window_exceeded" : "max_tokens";

    private void Write(List<MessageEvent> events, string type, string text)
    {
        if (_open != type)
        {
            Close(events);
            Open(events, new WrittenBlock(type));
        }

        Append(type, text);
        events.Add(new BlockDelta(_index, type == TextType ? new BlockPart { Type = "text_delta", Text = text } : new BlockPart { Type = "thinking_delta", Thinking = text }));
    }

    // Text behind a call that was withdrawn goes on with what that has become.
    private void Append(string type, string text)
    {
        if (_blocks.Count == 0 || _blocks[^1].Type != type)
        {
            _blocks.Add(new WrittenBlock(type));
        }

        _blocks[^1].Content.Append(text);
    }

    private void Call(List<MessageEvent> events, ToolCallDelta call)
    {
        if (call.Name is not null)
        {
            Close(events);
            var block = new WrittenBlock(CallType, MessageIds.ToClient(call.Id!), call.Name);
            _blocks.Add(block);
            Open(events, block);
        }

        if (call.Arguments.Length > 0)
        {
            _blocks[^1].Content.Append(call.Arguments);
            events.Add(new BlockDelta(_index, new BlockPart { Type = "input_json_delta", PartialJson = call.Arguments }));
        }

        if (call.Withdrawn is not null)
        {
            var arguments = call.IsWhole ? "" : _blocks[^1].Content.ToString();
            _blocks.RemoveAt(_blocks.Count - 1);
            Append(TextType, call.Withdrawn + arguments);
            Close(events);
        }
    }

    private void Open(List<MessageEvent> events, WrittenBlock block)
    {
        _open = block.Type;
        events.Add(new BlockStart(_index, block.Begun()));
    }

    private void Close(List<MessageEvent> events)
    {
        if (_open is null)
        {
            return;
        }

        if (_open == ThinkingType)
        {
            events.Add(new BlockDelta(_index, new BlockPart { Type = "signature_delta", Signature = Signature }));
        }

        events.Add(new BlockStop(_index++));
        _open = null;
    }

    private MessageAnswer Answer(IReadOnlyList<MessageBlock> content, MessageUsage usage) => new() { Id = $"msg_{head.Id}", Model = head.Model, Content = content, Usage = usage };

    private static MessageUsage Usage(UsageInfo usage) => new()
    {
        InputTokens = usage.PromptTokens - usage.PromptTokensDetails.CachedTokens,
        CacheReadInputTokens = usage.PromptTokensDetails.CachedTokens,
        OutputTokens = usage.CompletionTokens,
        OutputTokensDetails = usage.CompletionTokensDetails is { } details ? new MessageTokensDetails(details.ReasoningTokens) : null,
    };

    private sealed record WrittenBlock(string Type, string? Id = null, string? Name = null)
    {
        public StringBuilder Content { get; } = new();

        /// <summary>As a stream begins it.</summary>
        public MessageBlock Begun() => Of("", "", "{}");

        public MessageBlock Whole() => Of(Content.ToString(), MessageBuilder.Signature, Content.ToString());

        private MessageBlock Of(string text, string signature, string input) => Type switch
        {
            TextType => new MessageBlock { Type = Type, Text = text },
            ThinkingType => new MessageBlock { Type = Type, Thinking = text, Signature = signature },
            _ => new MessageBlock { Type = Type, Id = Id, Name = Name, Input = new RawJson(input) },
        };
    }
}
