namespace Serving.Engine.ToolCalls;

/// <summary>How a parameter's value is read that stands in a call as a text.</summary>
public enum ParameterKind
{
    /// <summary>As JSON, if it is some; else it is a text.</summary>
    Json,

    /// <summary>As the text that it is.</summary>
    Text,

    /// <summary>As the text that it is, or null.</summary>
    TextOrNull,
}
