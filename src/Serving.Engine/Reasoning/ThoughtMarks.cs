namespace Serving.Engine.Reasoning;

/// <summary>The tokens that open and close thoughts, where each mark is one token.</summary>
/// <param name="Open">Stands before the thoughts.</param>
/// <param name="Close">Stands behind them.</param>
public readonly record struct ThoughtMarks(int Open, int Close);
