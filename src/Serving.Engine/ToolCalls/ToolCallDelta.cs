namespace Serving.Engine.ToolCalls;

/// <summary>What is new of a call. The first of a call has its id and name; those of one call come in order, and their arguments are to be joined.</summary>
/// <param name="Index">Which call of its answer, from 0, in the order in which they were begun.</param>
/// <param name="Id">Its id, in its first.</param>
/// <param name="Name">The function's name, in its first.</param>
/// <param name="Arguments">More of the arguments, as the model wrote them: a JSON object.</param>
/// <param name="Withdrawn">
/// Set when it turned out to be no call after all: the text that stood before its arguments. This text and the arguments so far are content then, before any other
/// text. A stream that has sent them leaves them as they are.
/// </param>
/// <param name="IsWhole">Whether the withdrawn text is all that the model wrote of it, arguments included: these were put together of something else.</param>
public sealed record ToolCallDelta(int Index, string? Id, string? Name, string Arguments, string? Withdrawn = null, bool IsWhole = false);

/// <summary>What a piece of an answer's text comes to.</summary>
/// <param name="Text">Content.</param>
/// <param name="Calls">What is new of calls.</param>
public readonly record struct ToolCallOutput(string Text, IReadOnlyList<ToolCallDelta> Calls);
