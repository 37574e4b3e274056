using Serving.Engine.ToolCalls;

namespace Serving.Engine.Reasoning;

/// <summary>
/// How a model marks its thoughts, which stand before its answer. Names are vLLM's. The first character of a mark does not come again in it.
/// </summary>
public sealed record ReasoningFormat
{
    /// <summary>Stands before an answer in channels.</summary>
    public const string FinalMessage = "<|channel|>final<|message|>";

    /// <summary>DeepSeek R1 and its distills, Qwen 3, SmolLM3 and most others.</summary>
    public static ReasoningFormat Think { get; } = new() { Name = "deepseek_r1", Open = "<think>", Close = "</think>" };

    /// <summary>Granite 3.3: the answer has marks too.</summary>
    public static ReasoningFormat Granite { get; } = new() { Name = "granite", Open = "<think>", Close = "</think>", OpenAnswer = "<response>", CloseAnswer = "</response>" };

    /// <summary>Hunyuan A13B: the same with another mark; its template does not show it.</summary>
    public static ReasoningFormat HunyuanA13B { get; } = Granite with { Name = "hunyuan_a13b", OpenAnswer = "<answer>", CloseAnswer = "</answer>" };

    /// <summary>Granite 3.2: sentences for marks.</summary>
    public static ReasoningFormat GraniteSentences { get; } = new() { Name = "granite", Open = "Here is my thought process:", Close = "Here is my response:" };

    /// <summary>Cohere's Command R7B: the answer has marks whether or not there are thoughts.</summary>
    public static ReasoningFormat CohereCommand3 { get; } = new()
    {
        Name = "cohere_command3",
        Open = "<|START_THINKING|>",
        Close = "<|END_THINKING|>",
        OpenAnswer = "<|START_RESPONSE|>",
        CloseAnswer = "<|END_RESPONSE|>",
        MarksEveryAnswer = true,
    };

    /// <summary>Command A Reasoning and later: other marks of the answer.</summary>
    public static ReasoningFormat CohereCommand4 { get; } = CohereCommand3 with { Name = "cohere_command4", OpenAnswer = "<|START_TEXT|>", CloseAnswer = "<|END_TEXT|>" };

    /// <summary>Gemma 4.</summary>
    public static ReasoningFormat Gemma4 { get; } = new() { Name = "gemma4", Open = "<|channel>thought", Close = "<channel|>" };

    /// <summary>Magistral and Ministral.</summary>
    public static ReasoningFormat Mistral { get; } = new() { Name = "mistral", Open = "[THINK]", Close = "[/THINK]" };

    /// <summary>OpenAI's gpt-oss: thoughts, calls and answers are messages in channels (harmony). Its template takes three degrees of effort.</summary>
    public static ReasoningFormat Harmony { get; } = new()
    {
        Name = "openai_gptoss",
        Open = "<|channel|>analysis<|message|>",
        Close = "<|end|>",
        IsChannels = true,
        Efforts = ["low", "medium", "high"],
    };

    /// <summary>Every format, those with more marks first.</summary>
    public static IReadOnlyList<ReasoningFormat> All { get; } = [Granite, HunyuanA13B, GraniteSentences, CohereCommand3, CohereCommand4, Mistral, Gemma4, Think, Harmony];

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

    /// <summary>Whether an answer without thoughts has these marks too.</summary>
    public bool MarksEveryAnswer { get; init; }

    /// <summary>Whether an answer is messages in channels, of which some are thoughts.</summary>
    public bool IsChannels { get; init; }

    /// <summary>The degrees of effort that a model knows; null where its template alone knows.</summary>
    public IReadOnlyList<string>? Efforts { get; init; }

    /// <summary>Texts that may be special tokens, whose text an answer must be read with.</summary>
    public IEnumerable<string> Markers => IsChannels ? HarmonyText.Marks : new[] { Open, Close, OpenAnswer, CloseAnswer }.Where(mark => mark.Length > 0);

    /// <summary>The format of a name, the first of two; null when there is none.</summary>
    public static ReasoningFormat? Named(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>Where an answer begins behind a prompt.</summary>
    /// <param name="prompt">The prompt, or its last characters.</param>
    public ReasoningStart StartBehind(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var end = prompt.AsSpan().TrimEnd();
        return end.EndsWith(Open, StringComparison.Ordinal) ? ReasoningStart.Thoughts
            : end.EndsWith(IsChannels ? FinalMessage : Close, StringComparison.Ordinal) ? ReasoningStart.Answer
            : ReasoningStart.Either;
    }
}
