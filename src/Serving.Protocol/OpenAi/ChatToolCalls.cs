namespace Serving.Protocol.OpenAi;

/// <summary>A call of a function in a whole answer.</summary>
/// <param name="Id">Names the call in the message that answers it.</param>
/// <param name="Function">What is called.</param>
public sealed record ChatToolCall(string Id, ChatFunctionCall Function)
{
    /// <summary>Always "function".</summary>
    public string Type { get; } = "function";
}

/// <summary>A function with arguments.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Arguments">Its arguments, as the model wrote them: an object in JSON.</param>
public sealed record ChatFunctionCall(string Name, string Arguments);

/// <summary>What is new of a call in a stream: those of one index are to be put together.</summary>
public sealed record ChatToolCallPart
{
    /// <summary>Which call of the answer.</summary>
    public required int Index { get; init; }

    /// <summary>Its id, in its first part.</summary>
    public string? Id { get; init; }

    /// <summary>"function", in its first part.</summary>
    public string? Type { get; init; }

    /// <summary>Name and arguments.</summary>
    public required ChatFunctionPart Function { get; init; }
}

/// <summary>What is new of a function that is called.</summary>
/// <param name="Name">Its name, in a call's first part.</param>
/// <param name="Arguments">More of its arguments.</param>
public sealed record ChatFunctionPart(string? Name, string Arguments);
