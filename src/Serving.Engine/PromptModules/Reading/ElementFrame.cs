using System.Text;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>Kinds of elements that hold others.</summary>
internal enum ElementKind
{
    /// <summary>The schema itself.</summary>
    Schema,

    /// <summary>A module.</summary>
    Module,

    /// <summary>A union.</summary>
    Union,

    /// <summary>A system message.</summary>
    System,

    /// <summary>A user's message.</summary>
    User,

    /// <summary>The assistant's message.</summary>
    Assistant,
}

/// <summary>An element whose end has not been read yet.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Its name, empty where it has none.</param>
/// <param name="Path">The path of the module that it is or stands in.</param>
/// <param name="Siblings">Names taken: an element without a name shares those of the element around it.</param>
/// <param name="At">Where it begins.</param>
internal sealed record ElementFrame(ElementKind Kind, string Name, string Path, HashSet<string> Siblings, SourcePosition At)
{
    private readonly StringBuilder _text = new();
    private readonly List<SchemaNode> _children = [];

    /// <summary>Whether it is a message.</summary>
    public bool IsMessage => Kind is ElementKind.System or ElementKind.User or ElementKind.Assistant;

    /// <summary>Whether anything is in it yet.</summary>
    public bool IsEmpty => _children.Count == 0 && _text.Length == 0;

    /// <summary>Adds text; what stands side by side becomes one.</summary>
    public void Add(string text) => _text.Append(text);

    /// <summary>Adds a child.</summary>
    public void Add(SchemaNode child)
    {
        Flush();
        _children.Add(child);
    }

    /// <summary>The children.</summary>
    public IReadOnlyList<SchemaNode> Children()
    {
        Flush();
        return _children;
    }

    /// <summary>The element as a node of its parent.</summary>
    public SchemaNode ToNode() => Kind switch
    {
        ElementKind.Module => new SchemaModule(Name, Children()),
        ElementKind.Union => new SchemaUnion([.. Children().Cast<SchemaModule>()]),
        ElementKind.System => new SchemaMessage(MessageRole.System, Children()),
        ElementKind.User => new SchemaMessage(MessageRole.User, Children()),
        ElementKind.Assistant => new SchemaMessage(MessageRole.Assistant, Children()),
        _ => throw new InvalidOperationException("The schema is no node."),
    };

    private void Flush()
    {
        if (_text.Length > 0)
        {
            _children.Add(new SchemaText(_text.ToString()));
            _text.Clear();
        }
    }
}
