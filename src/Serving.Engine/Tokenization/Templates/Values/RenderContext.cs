namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>What one rendering shares: its budget, its clock, and the place in the template that it works at.</summary>
internal sealed class RenderContext(RenderBudget budget, DateTimeOffset now)
{
    public RenderBudget Budget { get; } = budget;

    /// <summary>What <c>strftime_now</c> formats.</summary>
    public DateTimeOffset Now { get; } = now;

    /// <summary>Offset of the node in work: where a fault is reported.</summary>
    public int Offset { get; set; }
}
