namespace Serving.Engine.ToolCalls;

/// <summary>What the harmony format's marks and words are (openai/harmony, docs/format.md).</summary>
internal static class HarmonyText
{
    /// <summary>Stands before the name of a function that a message is for.</summary>
    public const string Function = "functions.";

    /// <summary>Stands before whom a message is for.</summary>
    public const string Recipient = "to=";

    /// <summary>Who writes an answer.</summary>
    public const string Assistant = "assistant";

    /// <summary>The channel of thoughts.</summary>
    public const string Analysis = "analysis";

    /// <summary>The channel of calls, and of what is said to the user before them.</summary>
    public const string Commentary = "commentary";

    /// <summary>The channel of the answer proper.</summary>
    public const string Final = "final";

    /// <summary>The text of every mark, in the order of <see cref="HarmonyMark"/>.</summary>
    public static IReadOnlyList<string> Marks { get; } = ["<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>"];

    /// <summary>The text of a mark.</summary>
    public static string Of(HarmonyMark mark) => Marks[(int)mark];
}
