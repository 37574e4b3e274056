namespace Serving.Engine.Reasoning;

/// <summary>What a piece of an answer's text comes to.</summary>
/// <param name="Thoughts">Thoughts.</param>
/// <param name="Text">What is behind them.</param>
public readonly record struct ReasoningOutput(string Thoughts, string Text);
