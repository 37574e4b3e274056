namespace Serving.Engine.ToolCalls;

/// <summary>
/// How a model writes calls of functions: names and arguments, mostly as a JSON object, between texts of its own. Names are vLLM's. The texts <see cref="First"/> to
/// <see cref="Last"/> are what a model writes when nothing else is in the answer: First, calls (each within Before and After) with Between between them, Last. The
/// parser takes white space anywhere around calls.
/// </summary>
public sealed record ToolCallFormat
{
    /// <summary>Characters of a function's name: OpenAI's number.</summary>
    public const int MaxNameLength = 64;

    /// <summary>Hermes 2 and 3, Qwen 2.5 and 3: each call an object inside &lt;tool_call&gt;.</summary>
    public static ToolCallFormat Hermes { get; } = new()
    {
        Name = "hermes",
        Marker = "<tool_call>",
        EndMarker = "</tool_call>",
        Before = "<tool_call>\n",
        After = "\n</tool_call>",
        Between = "\n",
    };

    /// <summary>Llama 3.1 to 3.3: the whole answer an object with "parameters", or several with semicolons, with or without a token before them.</summary>
    public static ToolCallFormat Llama3Json { get; } = new()
    {
        Name = "llama3_json",
        Marker = "<|python_tag|>",
        IsBare = true,
        Separator = ';',
        ArgumentsKey = "parameters",
        Between = "; ",
    };

    /// <summary>Mistral's models up to the tokenizer's version 7: a list of objects behind a token.</summary>
    public static ToolCallFormat Mistral { get; } = new()
    {
        Name = "mistral",
        Marker = "[TOOL_CALLS]",
        IsList = true,
        Separator = ',',
        First = "[TOOL_CALLS][",
        Between = ", ",
        Last = "]",
        HasShortIds = true,
    };

    /// <summary>Mistral's models from the tokenizer's version 11 on: a token before each name, another before its arguments.</summary>
    public static ToolCallFormat MistralNamed { get; } = new()
    {
        Name = "mistral",
        Marker = "[TOOL_CALLS]",
        IsNamed = true,
        Before = "[TOOL_CALLS]",
        Close = "",
        HasShortIds = true,
    };

    /// <summary>OpenAI's gpt-oss: a call is a message for the function (harmony). An answer ends with it, so that there is one.</summary>
    public static ToolCallFormat Harmony { get; } = new()
    {
        Name = "openai",
        Marker = "<|channel|>commentary to=functions.",
        IsChannels = true,
        Close = "<|call|>",
    };

    /// <summary>Qwen 3 Coder, Qwen 3.5 and Step 3.5: a function and its parameters in marks, inside &lt;tool_call&gt;.</summary>
    public static ToolCallFormat Qwen3Coder { get; } = new()
    {
        Name = "qwen3_coder",
        Marker = "<tool_call>",
        EndMarker = "</tool_call>",
        Before = "<tool_call>\n",
        After = "\n</tool_call>",
        Close = "",
        Between = "\n",
        Parameters = ParameterStyle.Function,
    };

    /// <summary>Seed-OSS: the same under another mark.</summary>
    public static ToolCallFormat SeedOss { get; } = new()
    {
        Name = "seed_oss",
        Marker = "<seed:tool_call>",
        EndMarker = "</seed:tool_call>",
        Before = "<seed:tool_call>\n",
        After = "\n</seed:tool_call>",
        Close = "",
        Between = "\n",
        Parameters = ParameterStyle.FunctionInline,
    };

    /// <summary>GLM 4.5 and later: a name, keys and values inside &lt;tool_call&gt;.</summary>
    public static ToolCallFormat Glm45 { get; } = new()
    {
        Name = "glm45",
        Marker = "<tool_call>",
        Before = "<tool_call>",
        Close = "",
        Between = "\n",
        Parameters = ParameterStyle.KeysAndValues,
    };

    /// <summary>DeepSeek V3.2: functions and parameters in marks, inside one mark for all calls.</summary>
    public static ToolCallFormat DeepSeekV32 { get; } = new()
    {
        Name = "deepseek_v32",
        Marker = "<｜DSML｜function_calls>",
        EndMarker = "</｜DSML｜function_calls>",
        IsList = true,
        First = "<｜DSML｜function_calls>\n",
        Close = "",
        Between = "\n",
        Last = "\n</｜DSML｜function_calls>",
        Parameters = ParameterStyle.Invoke,
    };

    /// <summary>Every format.</summary>
    public static IReadOnlyList<ToolCallFormat> All { get; } = [Hermes, Mistral, MistralNamed, Llama3Json, Harmony, Qwen3Coder, SeedOss, Glm45, DeepSeekV32];

    /// <summary>vLLM's name of its parser.</summary>
    public required string Name { get; init; }

    /// <summary>The text that announces a call, or a list of them; its first character does not come again in it.</summary>
    public required string Marker { get; init; }

    /// <summary>The text that may stand behind each call; like <see cref="Marker"/>. None where it is empty.</summary>
    public string EndMarker { get; init; } = "";

    /// <summary>Whether an answer may begin with a call that nothing announces.</summary>
    public bool IsBare { get; init; }

    /// <summary>Whether a list of calls may stand behind the marker.</summary>
    public bool IsList { get; init; }

    /// <summary>Whether a call is a name, a mark and arguments, and not an object.</summary>
    public bool IsNamed { get; init; }

    /// <summary>Whether a call is a message in a channel, which is told from others with the thoughts.</summary>
    public bool IsChannels { get; init; }

    /// <summary>How parameters are written one by one; null where arguments are a JSON object.</summary>
    public ParameterStyle? Parameters { get; init; }

    /// <summary>The character between two calls behind one marker; none where each has a marker.</summary>
    public char? Separator { get; init; }

    /// <summary>The key of the arguments as the model writes it; the parser takes "arguments" and "parameters".</summary>
    public string ArgumentsKey { get; init; } = "arguments";

    /// <summary>Stands before the first call.</summary>
    public string First { get; init; } = "";

    /// <summary>Stands before each call.</summary>
    public string Before { get; init; } = "";

    /// <summary>Stands behind each call.</summary>
    public string After { get; init; } = "";

    /// <summary>Stands behind a call's arguments, before <see cref="After"/>.</summary>
    public string Close { get; init; } = "}";

    /// <summary>Stands between two calls.</summary>
    public string Between { get; init; } = "";

    /// <summary>Stands behind the last call.</summary>
    public string Last { get; init; } = "";

    /// <summary>Whether the model's templates take ids of nine letters and digits only.</summary>
    public bool HasShortIds { get; init; }

    /// <summary>Texts that may be special tokens, whose text an answer must be read with.</summary>
    public IEnumerable<string> Markers => IsChannels ? HarmonyText.Marks :
        [Marker, .. EndMarker.Length > 0 ? [EndMarker] : Array.Empty<string>(), .. IsNamed ? [NamedCallReader.ArgumentsMark, NamedCallReader.IdMark] : Array.Empty<string>(), .. Parameters?.Markers ?? []];

    /// <summary>The format of a name, the first of two; null when there is none.</summary>
    public static ToolCallFormat? Named(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>What stands before a call's arguments, behind <see cref="Before"/>; <see cref="Close"/> stands behind them.</summary>
    public string Head(string name) => IsNamed ? name + NamedCallReader.ArgumentsMark : IsChannels ? $"{Marker}{name} <|constrain|>json<|message|>" : Parameters is { } style ? style.NameOpen + name + style.NameClose : $$"""{"name": "{{name}}", "{{ArgumentsKey}}": """;

    /// <summary>An answer of nothing but calls, as the model writes it.</summary>
    /// <param name="calls">Names and arguments, the latter JSON objects.</param>
    public string Write(params IReadOnlyList<(string Name, string Arguments)> calls) =>
        First + string.Join(Between, calls.Select(call => Before + Head(call.Name) + call.Arguments + Close + After)) + Last;
}
