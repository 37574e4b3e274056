namespace Serving.Engine.ToolCalls;

/// <summary>
/// How a model writes a call as an expression whose values are no JSON, or not quite: <c>name(key="text", other=[1, True])</c>. White space may stand between its parts.
/// </summary>
public sealed record LiteralStyle
{
    /// <summary>A call as Python has it, with keywords.</summary>
    public static LiteralStyle Python { get; } = new() { Open = '(', KeyClose = '=', Close = ')', Between = ", " };

    /// <summary>Gemma 4: keys as they are, texts between marks.</summary>
    public static LiteralStyle Gemma { get; } = new() { Prefix = "call:", Open = '{', KeyClose = ':', Close = '}', Between = ",", TextMark = "<|\"|>" };

    /// <summary>FunctionGemma: the same with other marks.</summary>
    public static LiteralStyle FunctionGemma { get; } = Gemma with { TextMark = "<escape>" };

    /// <summary>Stands before the function's name.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Stands before the arguments.</summary>
    public required char Open { get; init; }

    /// <summary>Stands behind an argument's name.</summary>
    public required char KeyClose { get; init; }

    /// <summary>Stands behind the arguments.</summary>
    public required char Close { get; init; }

    /// <summary>What the model writes between two arguments: a comma, and white space perhaps.</summary>
    public required string Between { get; init; }

    /// <summary>Stands before and behind a text, in which nothing is escaped; its first character does not come again in it. Empty where texts are Python's.</summary>
    public string TextMark { get; init; } = "";

    /// <summary>Whether a character can stand in a name that has no quotes.</summary>
    public bool IsOfKey(char c) => c != KeyClose && !char.IsWhiteSpace(c) && !char.IsControl(c) && !",()[]{}\"'<>=:".Contains(c, StringComparison.Ordinal);
}
