using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>The variables of a block; what it does not hold is looked up further out.</summary>
internal sealed class VariableScope(VariableScope? outer)
{
    /// <summary>Scopes that a lookup passes for the price of one operation.</summary>
    private const int HopsPerOperation = 8;

    private Dictionary<string, TemplateValue>? _variables;

    /// <summary>The innermost value of a name, or null.</summary>
    public TemplateValue? Find(string name, RenderBudget budget)
    {
        var hops = 0;
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._variables is not null && scope._variables.TryGetValue(name, out var value))
            {
                return value;
            }

            if (++hops % HopsPerOperation == 0)
            {
                budget.Charge();
            }
        }

        return null;
    }

    /// <summary>Sets a variable of this scope.</summary>
    public void Set(string name, TemplateValue value) => (_variables ??= [])[name] = value;

    private VariableScope? Outer { get; } = outer;
}
