namespace Serving.Engine.ToolCalls;

/// <summary>Whether an answer may call functions, or must.</summary>
public enum ToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>Tools are not shown, calls not looked for.</summary>
    None,

    /// <summary>It must call one.</summary>
    Required,

    /// <summary>It must call this one.</summary>
    Function,
}

/// <summary>A request's tool_choice.</summary>
/// <param name="Kind">Whether it may call, or must.</param>
/// <param name="Function">The function that it must call.</param>
public sealed record ToolChoice(ToolChoiceKind Kind, string? Function = null)
{
    /// <summary>The model decides: what holds when nothing is said.</summary>
    public static ToolChoice Auto { get; } = new(ToolChoiceKind.Auto);
}
