namespace Serving.Engine.ToolCalls;

/// <summary>How a chat template takes the calls of an assistant's earlier message; clients send arguments as a text and no content.</summary>
/// <param name="ArgumentsAsText">Arguments as a text; as an object otherwise, as most do.</param>
/// <param name="NullContent">Content that is null where there is none; empty otherwise, as most do.</param>
public readonly record struct CallStyle(bool ArgumentsAsText, bool NullContent);
