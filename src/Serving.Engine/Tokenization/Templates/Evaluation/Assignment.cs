using Serving.Engine.Tokenization.Templates.Builtins;
using Serving.Engine.Tokenization.Templates.Syntax;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>Puts values into variables and attributes of namespaces, unpacking where several are meant.</summary>
internal sealed class Assignment(RenderContext context)
{
    public void Assign(AssignTarget target, TemplateValue value, VariableScope scope)
    {
        switch (target)
        {
            case NameTarget t:
                scope.Set(t.Name, value);
                break;
            case NamespaceTarget t:
                var ns = scope.Find(t.Name, context.Budget) as NamespaceValue
                    ?? throw new TemplateFault("cannot assign attribute on non-namespace object");
                ns.Attributes.Set(t.Attribute, value);
                break;
            case TupleTarget t:
                Unpack(t, value, scope);
                break;
        }
    }

    private void Unpack(TupleTarget target, TemplateValue value, VariableScope scope)
    {
        var items = Iteration.ToList(value, context);
        if (items.Count != target.Items.Count)
        {
            throw new TemplateFault($"cannot unpack {items.Count} values into {target.Items.Count} names");
        }

        for (var i = 0; i < items.Count; i++)
        {
            Assign(target.Items[i], items[i], scope);
        }
    }
}
