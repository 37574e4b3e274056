namespace Serving.Engine.ToolCalls;

/// <summary>The formats that are read.</summary>
public sealed partial record ToolCallFormat
{
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
        Named = NamedStyle.Mistral,
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

    /// <summary>DeepSeek V4: the same under another mark.</summary>
    public static ToolCallFormat DeepSeekV4 { get; } = DeepSeekV32 with
    {
        Name = "deepseek_v4",
        Marker = "<｜DSML｜tool_calls>",
        EndMarker = "</｜DSML｜tool_calls>",
        First = "<｜DSML｜tool_calls>\n",
        Last = "\n</｜DSML｜tool_calls>",
    };

    /// <summary>MiniMax M2: functions and parameters in marks, inside one mark for all calls.</summary>
    public static ToolCallFormat MiniMaxM2 { get; } = new()
    {
        Name = "minimax_m2",
        Marker = "<minimax:tool_call>",
        EndMarker = "</minimax:tool_call>",
        IsList = true,
        First = "<minimax:tool_call>\n",
        Close = "",
        Between = "\n",
        Last = "\n</minimax:tool_call>",
        Parameters = ParameterStyle.PlainInvoke,
    };

    /// <summary>DeepSeek V3 and R1: names and arguments in fences, between marks, inside marks for all calls.</summary>
    public static ToolCallFormat DeepSeekV3 { get; } = new()
    {
        Name = "deepseek_v3",
        Marker = "<｜tool▁calls▁begin｜>",
        EndMarker = "<｜tool▁calls▁end｜>",
        IsList = true,
        First = "<｜tool▁calls▁begin｜>",
        Close = NamedStyle.DeepSeekV3.AfterArguments,
        Between = "\n",
        Last = "<｜tool▁calls▁end｜>",
        Named = NamedStyle.DeepSeekV3,
    };

    /// <summary>DeepSeek V3.1: the same without fences.</summary>
    public static ToolCallFormat DeepSeekV31 { get; } = DeepSeekV3 with
    {
        Name = "deepseek_v31",
        Close = NamedStyle.DeepSeekV31.AfterArguments,
        Between = "",
        Named = NamedStyle.DeepSeekV31,
    };

    /// <summary>Kimi K2: ids and arguments between marks, inside marks for all calls.</summary>
    public static ToolCallFormat KimiK2 { get; } = new()
    {
        Name = "kimi_k2",
        Marker = "<|tool_calls_section_begin|>",
        EndMarker = "<|tool_calls_section_end|>",
        IsList = true,
        First = "<|tool_calls_section_begin|>",
        Close = NamedStyle.Kimi.AfterArguments,
        Last = "<|tool_calls_section_end|>",
        Named = NamedStyle.Kimi,
    };

    /// <summary>Functionary 3.1, and the custom calls of Llama 3.1 (llama.cpp's name).</summary>
    public static ToolCallFormat FunctionaryV31 { get; } = new()
    {
        Name = "functionary_v3.1",
        Marker = "<function=",
        Before = "<function=",
        Close = NamedStyle.Function.AfterArguments,
        Named = NamedStyle.Function,
    };

    /// <summary>Granite 3.0 to 3.3, and Phi-4-mini as it was trained: a list of objects behind a token; another may stand behind it.</summary>
    public static ToolCallFormat Granite { get; } = new()
    {
        Name = "granite",
        Marker = "<|tool_call|>",
        EndMarker = "<|/tool_call|>",
        IsList = true,
        Separator = ',',
        First = "<|tool_call|>[",
        Between = ", ",
        Last = "]",
        IsTold = true,
    };

    /// <summary>Phi-4-mini with a template that asks for this: a list of objects behind a word.</summary>
    public static ToolCallFormat Phi4Mini { get; } = new()
    {
        Name = "phi4_mini_json",
        Marker = "functools",
        IsList = true,
        Separator = ',',
        First = "functools[",
        Between = ", ",
        Last = "]",
        IsTold = true,
    };

    /// <summary>MiniMax M1: objects on lines of their own inside &lt;tool_calls&gt;.</summary>
    public static ToolCallFormat MiniMax { get; } = new()
    {
        Name = "minimax",
        Marker = "<tool_calls>",
        EndMarker = "</tool_calls>",
        IsList = true,
        First = "<tool_calls>\n",
        Between = "\n",
        Last = "\n</tool_calls>",
    };

    /// <summary>Hunyuan A13B, Jamba and Apriel: a list of objects inside &lt;tool_calls&gt;.</summary>
    public static ToolCallFormat HunyuanA13B { get; } = MiniMax with
    {
        Name = "hunyuan_a13b",
        Separator = ',',
        First = "<tool_calls>[",
        Between = ", ",
        Last = "]</tool_calls>",
    };

    /// <summary>Cohere's Command R7B and later: a list of objects with other keys, and a number first.</summary>
    public static ToolCallFormat CohereCommand { get; } = new()
    {
        Name = "cohere_command3",
        Marker = "<|START_ACTION|>",
        EndMarker = "<|END_ACTION|>",
        IsList = true,
        Separator = ',',
        IsNumbered = true,
        NameKey = "tool_name",
        ArgumentsKey = "parameters",
        First = "<|START_ACTION|>[\n    ",
        Between = ",\n    ",
        Last = "\n]<|END_ACTION|>",
    };

    /// <summary>Apertus: a list of objects, each a name with its arguments.</summary>
    public static ToolCallFormat Apertus { get; } = new()
    {
        Name = "apertus",
        Marker = "<|tools_prefix|>",
        EndMarker = "<|tools_suffix|>",
        IsList = true,
        Separator = ',',
        IsKeyed = true,
        First = "<|tools_prefix|>[",
        Between = ", ",
        Last = "]<|tools_suffix|>",
    };

    /// <summary>GigaChat 3: an object in a message of its own. The token that ends a message has no text here.</summary>
    public static ToolCallFormat GigaChat3 { get; } = new()
    {
        Name = "gigachat3",
        Marker = "function call<|role_sep|>",
        Before = "function call<|role_sep|>\n",
        Between = "\n\n",
    };

    /// <summary>LFM2: a list of Python's calls between marks.</summary>
    public static ToolCallFormat Lfm2 { get; } = new()
    {
        Name = "lfm2",
        Marker = "<|tool_call_start|>",
        EndMarker = "<|tool_call_end|>",
        IsList = true,
        Separator = ',',
        Literal = LiteralStyle.Python,
        First = "<|tool_call_start|>[",
        Close = ")",
        Between = ", ",
        Last = "]<|tool_call_end|>",
        IsTold = true,
    };

    /// <summary>Llama 4, and templates for Llama 3.2 and Gemma 3 that ask for it: the whole answer a list of Python's calls, with or without a token before it.</summary>
    public static ToolCallFormat Pythonic { get; } = new()
    {
        Name = "pythonic",
        Marker = "<|python_start|>",
        EndMarker = "<|python_end|>",
        IsBare = true,
        IsList = true,
        Separator = ',',
        Literal = LiteralStyle.Python,
        First = "[",
        Close = ")",
        Between = ", ",
        Last = "]",
    };

    /// <summary>OLMo 3: Python's calls on lines of their own inside &lt;function_calls&gt;.</summary>
    public static ToolCallFormat Olmo3 { get; } = new()
    {
        Name = "olmo3",
        Marker = "<function_calls>",
        EndMarker = "</function_calls>",
        IsList = true,
        Literal = LiteralStyle.Python,
        First = "<function_calls>\n",
        Close = ")",
        Between = "\n",
        Last = "\n</function_calls>",
    };

    /// <summary>Gemma 4: keys and values in a notation of its own.</summary>
    public static ToolCallFormat Gemma4 { get; } = new()
    {
        Name = "gemma4",
        Marker = "<|tool_call>",
        EndMarker = "<tool_call|>",
        Literal = LiteralStyle.Gemma,
        Before = "<|tool_call>",
        Close = "}",
        After = "<tool_call|>",
    };

    /// <summary>FunctionGemma: the same with other marks.</summary>
    public static ToolCallFormat FunctionGemma { get; } = new()
    {
        Name = "functiongemma",
        Marker = "<start_function_call>",
        EndMarker = "<end_function_call>",
        Literal = LiteralStyle.FunctionGemma,
        Before = "<start_function_call>",
        Close = "}",
        After = "<end_function_call>",
    };

    /// <summary>Every format; of two that can read the same, the one that reads less stands first.</summary>
    public static IReadOnlyList<ToolCallFormat> All { get; } =
    [
        Hermes, Mistral, MistralNamed, Llama3Json, Harmony, Qwen3Coder, SeedOss, Glm45, DeepSeekV32, DeepSeekV4, MiniMaxM2, DeepSeekV3, DeepSeekV31, KimiK2, FunctionaryV31, Granite, Phi4Mini, MiniMax, HunyuanA13B,
        CohereCommand, Apertus, GigaChat3, Lfm2, Pythonic, Olmo3, Gemma4, FunctionGemma,
    ];
}
