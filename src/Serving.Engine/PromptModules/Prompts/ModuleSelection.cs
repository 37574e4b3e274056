using Serving.Core.Requests;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Requests;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>The modules of a schema that a request imports: known ones, each once, with the modules around them, one of a union at most.</summary>
/// <param name="schema">The schema.</param>
public sealed class ModuleSelection(CompiledSchema schema)
{
    private readonly Dictionary<int, ModuleReference> _references = [];

    /// <summary>The schema.</summary>
    public CompiledSchema Schema => schema;

    /// <summary>The imported modules by their number, in the schema's order, with what the request says of them.</summary>
    public IEnumerable<(int Module, ModuleReference Reference)> References => _references.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value));

    /// <summary>The first scaffold all of whose modules are imported; -1 when there is none.</summary>
    public int Scaffold
    {
        get
        {
            for (var i = 0; i < schema.Scaffolds.Count; i++)
            {
                if (schema.Scaffolds[i].All(_references.ContainsKey))
                {
                    return i;
                }
            }

            return -1;
        }
    }

    /// <summary>Whether a module's text is in the prompt; the schema's own always is.</summary>
    public bool Holds(int module) => module == 0 || _references.ContainsKey(module);

    /// <summary>Adds what a request names.</summary>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? Add(IReadOnlyList<ModuleReference> references)
    {
        ArgumentNullException.ThrowIfNull(references);
        foreach (var reference in references)
        {
            var module = schema.Find(reference.Path);
            if (module < 0)
            {
                return Invalid(reference, $"The schema has no module {MalformedFileException.Quote(reference.Path)}.");
            }

            if (!_references.TryAdd(module, reference))
            {
                return Invalid(reference, $"The module {MalformedFileException.Quote(reference.Path)} is named twice.");
            }

            var parameters = schema.Modules[module].Parameters;
            if (reference.Arguments.Keys.FirstOrDefault(name => parameters.All(parameter => parameter.Name != name)) is { } unknown)
            {
                return Invalid(reference, $"The module {MalformedFileException.Quote(reference.Path)} has no parameter {MalformedFileException.Quote(unknown)}.", "arguments");
            }
        }

        return Fits();
    }

    /// <summary>A failure of what a reference says.</summary>
    internal static RequestFailure Invalid(ModuleReference reference, string message, string part = "name") =>
        new(RequestError.InvalidRequest, message, reference.Field == "prompt" ? "prompt" : $"{reference.Field}.{part}");

    private RequestFailure? Fits()
    {
        var unions = new Dictionary<int, string>();
        foreach (var (number, reference) in References)
        {
            var module = schema.Modules[number];
            if (!Holds(module.Parent))
            {
                return Invalid(reference, $"The module {MalformedFileException.Quote(module.Path)} needs {MalformedFileException.Quote(schema.Modules[module.Parent].Path)} around it, which is not named.");
            }

            if (module.Union >= 0 && !unions.TryAdd(module.Union, module.Path))
            {
                return Invalid(reference, $"The modules {MalformedFileException.Quote(unions[module.Union])} and {MalformedFileException.Quote(module.Path)} are of one union; one of them at most can be named.");
            }
        }

        return null;
    }
}
