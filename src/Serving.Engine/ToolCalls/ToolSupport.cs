namespace Serving.Engine.ToolCalls;

/// <summary>What becomes of a request's tools with the model that is served.</summary>
public sealed record ToolSupport
{
    /// <summary>The setting that finds the format by the model's chat template.</summary>
    public const string Automatic = "auto";

    /// <summary>The setting with which tools are shown and answers stay text.</summary>
    public const string Off = "none";

    /// <summary>How the model writes calls; null: they are not looked for, answers stay text.</summary>
    public ToolCallFormat? Format { get; init; }

    /// <summary>Why requests with tools are refused; null when they are not.</summary>
    public string? Refusal { get; init; }

    /// <summary>How the chat template takes calls of earlier messages.</summary>
    public CallStyle Style { get; init; }

    /// <summary>Whether the chat template fails on a function without a description: then it has an empty one.</summary>
    public bool WantsDescriptions { get; init; }

    /// <summary>Whether the chat template shows tools as a property of the system message, and not those that a conversation offers.</summary>
    public bool InSystemMessage { get; init; }

    /// <summary>The settings there are.</summary>
    public static IReadOnlyList<string> Settings { get; } = [Automatic, .. ToolCallFormat.All.Select(format => format.Name).Distinct(), Off];
}
