namespace Serving.Protocol.OpenAi;

/// <summary>A call of a tool in a whole answer.</summary>
/// <param name="Id">Names the call in the message that answers it.</param>
/// <param name="Function">The function that is called.</param>
/// <param name="Custom">The custom tool that is called; one of the two.</param>
public sealed record ChatToolCall(string Id, ChatFunctionCall? Function, ChatCustomCall? Custom = null)
{
    /// <summary>"function" or "custom".</summary>
    public string Type => Custom is null ? "function" : "custom";
}

/// <summary>A function with arguments.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Arguments">Its arguments, as the model wrote them: an object in JSON.</param>
public sealed record ChatFunctionCall(string Name, string Arguments);

/// <summary>A custom tool with its text.</summary>
/// <param name="Name">The tool's name.</param>
/// <param name="Input">The text.</param>
public sealed record ChatCustomCall(string Name, string Input);

/// <summary>What is new of a call in a stream: those of one index are to be put together.</summary>
public sealed record ChatToolCallPart
{
    /// <summary>Which call of the answer.</summary>
    public required int Index { get; init; }

    /// <summary>Its id, in its first part.</summary>
    public string? Id { get; init; }

    /// <summary>"function" or "custom", in its first part.</summary>
    public string? Type { get; init; }

    /// <summary>Name and arguments of a function.</summary>
    public ChatFunctionPart? Function { get; init; }

    /// <summary>Name and text of a custom tool.</summary>
    public ChatCustomPart? Custom { get; init; }
}

/// <summary>What is new of a function that is called.</summary>
/// <param name="Name">Its name, in a call's first part.</param>
/// <param name="Arguments">More of its arguments.</param>
public sealed record ChatFunctionPart(string? Name, string Arguments);

/// <summary>What is new of a custom tool that is called.</summary>
/// <param name="Name">Its name, in a call's first part.</param>
/// <param name="Input">More of its text.</param>
public sealed record ChatCustomPart(string? Name, string Input);
