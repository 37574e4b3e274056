namespace Serving.Engine.PromptModules.Schemas;

/// <summary>A part of a prompt schema.</summary>
public abstract record SchemaNode;

/// <summary>Text as the model reads it; never empty, never beside another text.</summary>
public sealed record SchemaText(string Text) : SchemaNode;

/// <summary>A place that a request may fill with text of its own.</summary>
/// <param name="Name">Unique among its siblings.</param>
/// <param name="Length">Tokens (and positions) that it reserves.</param>
/// <param name="Scaffold">Text that takes the place when a request gives no argument; null leaves the place empty.</param>
public sealed record SchemaParameter(string Name, int Length, string? Scaffold) : SchemaNode;

/// <summary>A part that a request imports by name.</summary>
/// <param name="Name">Unique among its siblings.</param>
/// <param name="Children">What it holds.</param>
public sealed record SchemaModule(string Name, IReadOnlyList<SchemaNode> Children) : SchemaNode;

/// <summary>Modules that start at one position and of which a request imports one at most.</summary>
/// <param name="Members">At least one.</param>
public sealed record SchemaUnion(IReadOnlyList<SchemaModule> Members) : SchemaNode;

/// <summary>A message of a conversation: the model's chat template says what stands around it.</summary>
/// <param name="Role">Whose message it is.</param>
/// <param name="Children">What it says.</param>
public sealed record SchemaMessage(MessageRole Role, IReadOnlyList<SchemaNode> Children) : SchemaNode;

/// <summary>Whose message it is.</summary>
public enum MessageRole
{
    /// <summary>The instructions.</summary>
    System,

    /// <summary>The person.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}
