namespace Serving.Engine.Reasoning;

/// <summary>Where an answer begins.</summary>
public enum ReasoningStart
{
    /// <summary>In the answer proper: the prompt has closed the thoughts, or they are not looked for.</summary>
    Answer,

    /// <summary>With thoughts or with the answer: the model decides, by a mark.</summary>
    Either,

    /// <summary>In thoughts: the prompt has opened them.</summary>
    Thoughts,
}
