using System.Collections.Frozen;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>All filters by name.</summary>
internal static class FilterTable
{
    private static readonly FrozenDictionary<string, Builtin> All = TextFilters.All
        .Concat(NumberFilters.All)
        .Concat(SequenceFilters.All)
        .Concat(OrderFilters.All)
        .Concat(SelectionFilters.All)
        .ToFrozenDictionary(f => f.Name);

    /// <summary>Applies a filter; the first argument is what it is applied to. Faults for an unknown name.</summary>
    public static TemplateValue Apply(string name, RenderContext context, CallArguments arguments)
    {
        context.Budget.Charge();
        return All.TryGetValue(name, out var filter)
            ? filter.Invoke(context, arguments)
            : throw new TemplateFault($"there is no filter named '{name}'");
    }

    public static bool Exists(string name) => All.ContainsKey(name);
}
