namespace Serving.Engine.ToolCalls;

/// <summary>A mark of OpenAI's harmony format, in which gpt-oss answers: a token of its own each.</summary>
internal enum HarmonyMark
{
    /// <summary>Before a message's header, which begins with its role.</summary>
    Start,

    /// <summary>Before its channel.</summary>
    Channel,

    /// <summary>Before the type of what a call brings.</summary>
    Constrain,

    /// <summary>Before a message's content.</summary>
    Message,

    /// <summary>Behind a message.</summary>
    End,

    /// <summary>Behind one that ends the answer.</summary>
    Return,

    /// <summary>Behind a call, which ends the answer too.</summary>
    Call,
}
