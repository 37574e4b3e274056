using Serving.Engine.Models;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>
/// Puts a schema together while a reader walks through its source, and is the one place that knows the rules of schemas: the readers of PML and JSON know only
/// their syntax. Every rule that is broken is a <see cref="PromptSchemaException"/> at the place that the reader names.
/// </summary>
internal sealed class SchemaBuilder
{
    private readonly Stack<ElementFrame> _open = new();
    private readonly Dictionary<string, ElementFrame> _unions = [];
    private readonly HashSet<string> _paths = [];
    private readonly List<(IReadOnlyList<string> Paths, SourcePosition At)> _scaffolds = [];
    private int _nodes;

    /// <summary>Opens a schema.</summary>
    public SchemaBuilder(string? name, SourcePosition at)
    {
        _open.Push(new ElementFrame(ElementKind.Schema, CheckName("schema", name, at), "", [], at));
    }

    private ElementFrame Current => _open.Peek();

    /// <summary>Adds text to the element that is open.</summary>
    public void Text(string text, SourcePosition at)
    {
        if (text.Length == 0)
        {
            return;
        }

        if (Current.Kind == ElementKind.Union)
        {
            throw new PromptSchemaException("a union holds modules only, no text", at);
        }

        Count(at);
        Current.Add(text);
    }

    /// <summary>Opens an element.</summary>
    public void Open(ElementKind kind, string? name, SourcePosition at)
    {
        Count(at);
        if (_open.Count > SchemaLimits.Depth)
        {
            throw new PromptSchemaException($"more than {SchemaLimits.Depth} elements inside each other", at);
        }

        var parent = Current;
        if (parent.Kind == ElementKind.Union && kind != ElementKind.Module)
        {
            throw new PromptSchemaException("a union holds modules only", at);
        }

        if (kind == ElementKind.Module)
        {
            OpenModule(parent, name, at);
            return;
        }

        if (kind is not ElementKind.Union && _open.Any(frame => frame.IsMessage))
        {
            throw new PromptSchemaException("a message cannot stand inside another", at);
        }

        _open.Push(new ElementFrame(kind, "", parent.Path, parent.Siblings, at));
    }

    /// <summary>Closes the element that is open.</summary>
    public void Close()
    {
        var closed = _open.Pop();
        if (closed is { Kind: ElementKind.Union, IsEmpty: true })
        {
            throw new PromptSchemaException("a union holds at least one module", closed.At);
        }

        Current.Add(closed.ToNode());
    }

    /// <summary>Adds a parameter.</summary>
    public void Parameter(string? name, int length, string? scaffold, SourcePosition at)
    {
        Count(at);
        if (Current.Kind == ElementKind.Union || Current.Path.Length == 0)
        {
            throw new PromptSchemaException("a parameter stands inside a module only", at);
        }

        if (length is < 1 or > SchemaLimits.ParameterLength)
        {
            throw new PromptSchemaException($"a parameter's length is 1 to {SchemaLimits.ParameterLength} tokens", at);
        }

        Current.Add(new SchemaParameter(Take(CheckName("parameter", name, at), at), length, scaffold));
    }

    /// <summary>Declares modules that are encoded together.</summary>
    public void Scaffold(IReadOnlyList<string> paths, SourcePosition at)
    {
        if (_open.Count != 1)
        {
            throw new PromptSchemaException("a scaffold stands directly in the schema only", at);
        }

        if (paths.Count is < 2 or > SchemaLimits.ScaffoldModules)
        {
            throw new PromptSchemaException($"a scaffold names 2 to {SchemaLimits.ScaffoldModules} modules", at);
        }

        if (_scaffolds.Count == SchemaLimits.Scaffolds)
        {
            throw new PromptSchemaException($"more than {SchemaLimits.Scaffolds} scaffolds", at);
        }

        _scaffolds.Add((paths, at));
    }

    /// <summary>The finished schema.</summary>
    public PromptSchema Build()
    {
        var root = _open.Pop();
        if (_open.Count != 0)
        {
            throw new InvalidOperationException("An element is still open.");
        }

        CheckScaffolds();
        var children = root.Children();
        return children.Count == 0
            ? throw new PromptSchemaException("the schema is empty", root.At)
            : new PromptSchema { Name = root.Name, Children = children, Scaffolds = [.. _scaffolds.Select(scaffold => scaffold.Paths)] };
    }

    private static string CheckName(string what, string? name, SourcePosition at) => SchemaNames.IsValid(name)
        ? name!
        : throw new PromptSchemaException($"{what} {MalformedFileException.Quote(name)}: {SchemaNames.Rule}", at);

    private void OpenModule(ElementFrame parent, string? name, SourcePosition at)
    {
        var path = SchemaNames.Join(parent.Path, Take(CheckName("module", name, at), at));
        _paths.Add(path);
        if (parent.Kind == ElementKind.Union)
        {
            _unions[path] = parent;
        }

        _open.Push(new ElementFrame(ElementKind.Module, name!, path, [], at));
    }

    private string Take(string name, SourcePosition at) => Current.Siblings.Add(name)
        ? name
        : throw new PromptSchemaException($"the name {MalformedFileException.Quote(name)} is taken by a sibling", at);

    private void Count(SourcePosition at)
    {
        if (++_nodes > SchemaLimits.Nodes)
        {
            throw new PromptSchemaException($"more than {SchemaLimits.Nodes} elements and texts", at);
        }
    }

    private void CheckScaffolds()
    {
        var taken = new HashSet<string>();
        foreach (var (paths, at) in _scaffolds)
        {
            foreach (var path in paths)
            {
                Require(_paths.Contains(path), $"there is no module {MalformedFileException.Quote(path)} for the scaffold", at);
                Require(taken.Add(path), $"the module {MalformedFileException.Quote(path)} is in a scaffold already", at);
            }

            Require(!HaveConflict(paths), "a scaffold cannot hold two members of one union", at);
        }
    }

    // Two paths that pass through different members of one union can never be imported together.
    private bool HaveConflict(IReadOnlyList<string> paths)
    {
        var members = new Dictionary<ElementFrame, string>(ReferenceEqualityComparer.Instance);
        return paths.SelectMany(AncestorsOf).Any(path => _unions.TryGetValue(path, out var union) && !members.TryAdd(union, path) && members[union] != path);
    }

    private static IEnumerable<string> AncestorsOf(string path)
    {
        for (var end = path.IndexOf(SchemaNames.Separator, StringComparison.Ordinal); end >= 0; end = path.IndexOf(SchemaNames.Separator, end + 1))
        {
            yield return path[..end];
        }

        yield return path;
    }

    private static void Require(bool holds, string otherwise, SourcePosition at)
    {
        if (!holds)
        {
            throw new PromptSchemaException(otherwise, at);
        }
    }
}
