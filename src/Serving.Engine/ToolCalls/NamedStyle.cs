namespace Serving.Engine.ToolCalls;

/// <summary>How a model writes a call that is a function's name and an object of arguments, with marks around both. White space may stand between them.</summary>
public sealed record NamedStyle
{
    /// <summary>Mistral from the tokenizer's version 11 on: <c>name[ARGS]{…}</c>, or <c>name[CALL_ID]id[ARGS]{…}</c>.</summary>
    public static NamedStyle Mistral { get; } = new() { ArgumentsMark = "[ARGS]", IdMark = "[CALL_ID]" };

    /// <summary>DeepSeek V3 and R1: the word "function" before the name, arguments in a fence of Markdown.</summary>
    public static NamedStyle DeepSeekV3 { get; } = new()
    {
        Open = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        Fence = "```json",
        IsFenced = true,
        Close = "<｜tool▁call▁end｜>",
        Markers = ["<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"],
    };

    /// <summary>DeepSeek V3.1: name and arguments alone.</summary>
    public static NamedStyle DeepSeekV31 { get; } = DeepSeekV3 with
    {
        Open = "<｜tool▁call▁begin｜>",
        ArgumentsMark = "<｜tool▁sep｜>",
        IsFenced = false,
    };

    /// <summary>Kimi K2: the call's id, with the name and a number in it.</summary>
    public static NamedStyle Kimi { get; } = new()
    {
        Open = "<|tool_call_begin|>",
        IsId = true,
        ArgumentsMark = "<|tool_call_argument_begin|>",
        Close = "<|tool_call_end|>",
    };

    /// <summary>Functionary 3.1, and the custom calls of Llama 3.1: <c>name&gt;{…}&lt;/function&gt;</c>.</summary>
    public static NamedStyle Function { get; } = new() { ArgumentsMark = ">", Close = "</function>" };

    /// <summary>Stands before the name; empty where nothing does but the format's own mark.</summary>
    public string Open { get; init; } = "";

    /// <summary>Stands behind the name; empty where white space does.</summary>
    public string ArgumentsMark { get; init; } = "";

    /// <summary>Stands behind the name where an id follows; empty where none does. Its first character is that of <see cref="ArgumentsMark"/>.</summary>
    public string IdMark { get; init; } = "";

    /// <summary>Whether the name stands in an id: <c>functions.name:0</c>.</summary>
    public bool IsId { get; init; }

    /// <summary>Begins a fence that arguments may stand in; empty where they never do.</summary>
    public string Fence { get; init; } = "";

    /// <summary>Whether the model writes that fence.</summary>
    public bool IsFenced { get; init; }

    /// <summary>Stands behind the arguments; empty where nothing does.</summary>
    public string Close { get; init; } = "";

    /// <summary>Further marks, or parts of them, that are tokens of their own.</summary>
    public IReadOnlyList<string> Markers { get; init; } = [];

    /// <summary>What the model writes between name and arguments.</summary>
    public string BeforeArguments => ArgumentsMark + (IsFenced ? $"\n{Fence}\n" : "");

    /// <summary>What it writes behind them.</summary>
    public string AfterArguments => (IsFenced ? "\n" + NamedCallReader.ClosingFence : "") + Close;

    /// <summary>Texts that may be special tokens.</summary>
    public IEnumerable<string> AllMarkers => [.. new[] { Open, ArgumentsMark, IdMark, Close }.Where(static mark => mark.Length > 1), .. Markers];
}
