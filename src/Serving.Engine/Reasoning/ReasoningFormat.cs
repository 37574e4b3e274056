namespace Serving.Engine.Reasoning;

/// <summary>
/// How a model marks its thoughts, which stand before its answer. Names are vLLM's. The first character of a mark does not come again in it.
/// </summary>
public sealed record ReasoningFormat
{
    /// <summary>DeepSeek R1 and its distills, Qwen 3, SmolLM3 and most others.</summary>
    public static ReasoningFormat Think { get; } = new() { Name = "deepseek_r1", Open = "<think>", Close = "</think>" };

    /// <summary>Granite 3.3: the answer has marks too.</summary>
    public static ReasoningFormat Granite { get; } = new() { Name = "granite", Open = "<think>", Close = "</think>", OpenAnswer = "<response>", CloseAnswer = "</response>" };

    /// <summary>Magistral and Ministral.</summary>
    public static ReasoningFormat Mistral { get; } = new() { Name = "mistral", Open = "[THINK]", Close = "[/THINK]" };

    /// <summary>Every format, those with more marks first.</summary>
    public static IReadOnlyList<ReasoningFormat> All { get; } = [Granite, Mistral, Think];

    /// <summary>vLLM's name of its parser.</summary>
    public required string Name { get; init; }

    /// <summary>Stands before the thoughts.</summary>
    public required string Open { get; init; }

    /// <summary>Stands behind them.</summary>
    public required string Close { get; init; }

    /// <summary>May stand before the answer behind thoughts; empty where nothing does.</summary>
    public string OpenAnswer { get; init; } = "";

    /// <summary>Stands behind such an answer.</summary>
    public string CloseAnswer { get; init; } = "";

    /// <summary>Texts that may be special tokens, whose text an answer must be read with.</summary>
    public IEnumerable<string> Markers => new[] { Open, Close, OpenAnswer, CloseAnswer }.Where(mark => mark.Length > 0);

    /// <summary>The format of a name; null when there is none.</summary>
    public static ReasoningFormat? Named(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>Where an answer begins behind a prompt.</summary>
    /// <param name="prompt">The prompt, or its last characters.</param>
    public ReasoningStart StartBehind(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var end = prompt.AsSpan().TrimEnd();
        return end.EndsWith(Open, StringComparison.Ordinal) ? ReasoningStart.Thoughts
            : end.EndsWith(Close, StringComparison.Ordinal) ? ReasoningStart.Answer
            : ReasoningStart.Either;
    }
}
