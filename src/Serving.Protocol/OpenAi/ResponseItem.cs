namespace Serving.Protocol.OpenAi;

/// <summary>A part of what a model wrote: its thoughts ("reasoning"), text ("message"), or a call of a function ("function_call") or of a custom tool ("custom_tool_call").</summary>
public sealed record ResponseItem
{
    /// <summary>Which of them.</summary>
    public required string Type { get; init; }

    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>"in_progress", "completed" or "incomplete".</summary>
    public required string Status { get; init; }

    /// <summary>"assistant", of a message.</summary>
    public string? Role { get; init; }

    /// <summary>Always empty, of thoughts: they are given as they are.</summary>
    public IReadOnlyList<ResponsePart>? Summary { get; init; }

    /// <summary>Text, of a message or thoughts.</summary>
    public IReadOnlyList<ResponsePart>? Content { get; init; }

    /// <summary>Names a call in the item that answers it.</summary>
    public string? CallId { get; init; }

    /// <summary>The tool that is called.</summary>
    public string? Name { get; init; }

    /// <summary>The namespace that the tool is one of.</summary>
    public string? Namespace { get; init; }

    /// <summary>A call's arguments, as the model wrote them: an object in JSON.</summary>
    public string? Arguments { get; init; }

    /// <summary>The text that a custom tool is called with.</summary>
    public string? Input { get; init; }
}

/// <summary>Text of an item.</summary>
public sealed record ResponsePart
{
    /// <summary>"output_text" or "reasoning_text".</summary>
    public required string Type { get; init; }

    /// <summary>The text.</summary>
    public required string Text { get; init; }

    /// <summary>Always empty, of a message.</summary>
    public IReadOnlyList<string>? Annotations { get; init; }

    /// <summary>Logprobs of a message's tokens; empty unless asked for.</summary>
    public IReadOnlyList<ChatTokenLogprob>? Logprobs { get; init; }
}

/// <summary>An event of a streamed response.</summary>
public sealed record ResponseEvent
{
    /// <summary>What happened, such as "response.output_text.delta".</summary>
    public required string Type { get; init; }

    /// <summary>From 0, by one.</summary>
    public int SequenceNumber { get; init; }

    /// <summary>The response, where the event is about the whole of it.</summary>
    public ModelResponse? Response { get; init; }

    /// <summary>Which item.</summary>
    public int? OutputIndex { get; init; }

    /// <summary>The item as it is.</summary>
    public ResponseItem? Item { get; init; }

    /// <summary>The item's id, where the event is about a part of it.</summary>
    public string? ItemId { get; init; }

    /// <summary>Which part.</summary>
    public int? ContentIndex { get; init; }

    /// <summary>The part as it is.</summary>
    public ResponsePart? Part { get; init; }

    /// <summary>What is new.</summary>
    public string? Delta { get; init; }

    /// <summary>The whole text.</summary>
    public string? Text { get; init; }

    /// <summary>The function that was called.</summary>
    public string? Name { get; init; }

    /// <summary>The whole of a call's arguments.</summary>
    public string? Arguments { get; init; }

    /// <summary>The whole text that a custom tool is called with.</summary>
    public string? Input { get; init; }

    /// <summary>Logprobs of new tokens, or of all.</summary>
    public IReadOnlyList<ChatTokenLogprob>? Logprobs { get; init; }
}
