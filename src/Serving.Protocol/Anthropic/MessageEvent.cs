using System.Text.Json.Serialization;

namespace Serving.Protocol.Anthropic;

/// <summary>An event of a streamed message.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(MessageStart), "message_start")]
[JsonDerivedType(typeof(Ping), "ping")]
[JsonDerivedType(typeof(BlockStart), "content_block_start")]
[JsonDerivedType(typeof(BlockDelta), "content_block_delta")]
[JsonDerivedType(typeof(BlockStop), "content_block_stop")]
[JsonDerivedType(typeof(MessageEnd), "message_delta")]
[JsonDerivedType(typeof(MessageStop), "message_stop")]
[JsonDerivedType(typeof(MessageFailed), "error")]
public abstract record MessageEvent
{
    private readonly string _name;

    private protected MessageEvent(string name) => _name = name;

    /// <summary>The event's name, which is its type too.</summary>
    public string NameOf() => _name;
}

/// <summary>The first event.</summary>
/// <param name="Message">The message, without content.</param>
public sealed record MessageStart(MessageAnswer Message) : MessageEvent("message_start");

/// <summary>Says nothing.</summary>
public sealed record Ping() : MessageEvent("ping");

/// <summary>A block begins.</summary>
/// <param name="Index">Its index in the content.</param>
/// <param name="ContentBlock">The block, empty.</param>
public sealed record BlockStart(int Index, MessageBlock ContentBlock) : MessageEvent("content_block_start");

/// <summary>A block goes on.</summary>
/// <param name="Index">Its index in the content.</param>
/// <param name="Delta">What is new.</param>
public sealed record BlockDelta(int Index, BlockPart Delta) : MessageEvent("content_block_delta");

/// <summary>What is new of a block.</summary>
public sealed record BlockPart
{
    /// <summary>"text_delta", "thinking_delta", "signature_delta" or "input_json_delta".</summary>
    public required string Type { get; init; }

    /// <summary>More text.</summary>
    public string? Text { get; init; }

    /// <summary>More thoughts.</summary>
    public string? Thinking { get; init; }

    /// <summary>The thoughts' signature.</summary>
    public string? Signature { get; init; }

    /// <summary>More of a call's arguments.</summary>
    public string? PartialJson { get; init; }
}

/// <summary>A block ends.</summary>
/// <param name="Index">Its index in the content.</param>
public sealed record BlockStop(int Index) : MessageEvent("content_block_stop");

/// <summary>The content is complete.</summary>
/// <param name="Delta">Why it ended.</param>
/// <param name="Usage">Token counts.</param>
public sealed record MessageEnd(EndOfMessage Delta, MessageUsage Usage) : MessageEvent("message_delta");

/// <summary>Why a message ended.</summary>
/// <param name="StopReason">As in the whole message.</param>
/// <param name="StopSequence">Which stop sequence ended it.</param>
public sealed record EndOfMessage(string? StopReason, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopSequence);

/// <summary>The last event.</summary>
public sealed record MessageStop() : MessageEvent("message_stop");

/// <summary>The message failed; nothing follows.</summary>
/// <param name="Error">How.</param>
/// <param name="RequestId">The request's id.</param>
public sealed record MessageFailed(MessageError Error, string RequestId) : MessageEvent("error");
