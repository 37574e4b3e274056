using Serving.Engine.ToolCalls;

namespace Serving.Engine.Channels;

/// <summary>What a piece of an answer's text comes to.</summary>
/// <param name="Thoughts">Thoughts.</param>
/// <param name="Text">Content.</param>
/// <param name="Calls">What is new of calls.</param>
public readonly record struct ChannelOutput(string Thoughts, string Text, IReadOnlyList<ToolCallDelta> Calls);
