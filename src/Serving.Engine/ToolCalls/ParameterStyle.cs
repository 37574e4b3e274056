namespace Serving.Engine.ToolCalls;

/// <summary>How a model writes a call whose parameters stand one by one, each in marks of its own, and not as a JSON object. White space may stand between marks.</summary>
public sealed record ParameterStyle
{
    /// <summary>Qwen 3 Coder, Qwen 3.5 and Step 3.5: values on lines of their own.</summary>
    public static ParameterStyle Function { get; } = new()
    {
        NameOpen = "<function=",
        NameClose = ">",
        KeyOpen = "<parameter=",
        KeyClose = ">",
        ValueClose = "</parameter>",
        End = "</function>",
        IsPadded = true,
    };

    /// <summary>Seed-OSS: the same, with values between the marks.</summary>
    public static ParameterStyle FunctionInline { get; } = Function with { IsPadded = false };

    /// <summary>GLM 4.5 and later: keys and values in turns; the name is what stands before the first of them.</summary>
    public static ParameterStyle KeysAndValues { get; } = new()
    {
        KeyOpen = "<arg_key>",
        KeyClose = "</arg_key>",
        ValueOpen = "<arg_value>",
        ValueClose = "</arg_value>",
        End = "</tool_call>",
        Markers = ["<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "</tool_call>"],
    };

    /// <summary>DeepSeek V3.2: the model says of each value whether it is a text.</summary>
    public static ParameterStyle Invoke { get; } = new()
    {
        NameOpen = "<｜DSML｜invoke name=\"",
        NameClose = "\">",
        KeyOpen = "<｜DSML｜parameter name=\"",
        KeyClose = "\" string=\"false\">",
        TextKeyClose = "\" string=\"true\">",
        ValueClose = "</｜DSML｜parameter>",
        End = "</｜DSML｜invoke>",
        Markers = ["｜DSML｜"],
    };

    /// <summary>MiniMax M2: the same in plain marks; the function's schema says what is a text.</summary>
    public static ParameterStyle PlainInvoke { get; } = new()
    {
        NameOpen = "<invoke name=\"",
        NameClose = "\">",
        KeyOpen = "<parameter name=\"",
        KeyClose = "\">",
        ValueClose = "</parameter>",
        End = "</invoke>",
    };

    /// <summary>Marks, or parts of them, that are tokens of their own with some models.</summary>
    public IReadOnlyList<string> Markers { get; init; } = [];

    /// <summary>Stands before the function's name; empty where nothing does.</summary>
    public string NameOpen { get; init; } = "";

    /// <summary>Stands behind it; where it is empty, white space or the next mark ends a name.</summary>
    public string NameClose { get; init; } = "";

    /// <summary>Stands before a parameter's name.</summary>
    public required string KeyOpen { get; init; }

    /// <summary>Stands behind it.</summary>
    public required string KeyClose { get; init; }

    /// <summary>Stands behind the name of a parameter that is a text, where the model says so itself; empty where the function's schema says it.</summary>
    public string TextKeyClose { get; init; } = "";

    /// <summary>Stands before a value; empty where nothing does.</summary>
    public string ValueOpen { get; init; } = "";

    /// <summary>Stands behind a value; its first character does not come again in it.</summary>
    public required string ValueClose { get; init; }

    /// <summary>Stands behind the parameters.</summary>
    public required string End { get; init; }

    /// <summary>Whether a value has a line break before and behind it that is none of its own.</summary>
    public bool IsPadded { get; init; }
}
