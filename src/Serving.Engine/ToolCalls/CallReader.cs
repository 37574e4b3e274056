namespace Serving.Engine.ToolCalls;

/// <summary>Reads what stands behind a call's mark, character by character.</summary>
internal abstract class CallReader
{
    /// <summary>The function's name, once it is known.</summary>
    public string? Name { get; protected set; }

    /// <summary>The arguments, when they came before the name; null when they were given as they came.</summary>
    public virtual string? Early => null;

    /// <summary>The call's id, where the model writes one that is passed on; known with its name.</summary>
    public virtual string? Id => null;

    /// <summary>What the last character adds to the arguments; null where that is the character.</summary>
    public virtual string? Written => null;

    /// <summary>Whether nothing of the call can come any more.</summary>
    public virtual bool HasEnded => false;

    /// <summary>Takes the next character.</summary>
    public abstract CallStep Next(char c);
}
