using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Parses what values are assigned to: names, attributes of namespaces, and tuples of these.</summary>
internal sealed class TargetParser(TokenStream tokens)
{
    /// <summary>Parses a target.</summary>
    /// <param name="withNamespace">Whether <c>name.attribute</c> is allowed.</param>
    /// <param name="endName">A name that ends the target after a trailing comma.</param>
    /// <param name="withTuple">Whether commas make a tuple.</param>
    public AssignTarget Parse(bool withNamespace, string? endName, bool withTuple = true)
    {
        var offset = tokens.Current.Offset;
        var items = new List<AssignTarget> { ParseOne(withNamespace) };
        if (!withTuple || !tokens.IsOperator(","))
        {
            return items[0];
        }

        while (tokens.TryOperator(",") && !IsEnd(endName))
        {
            items.Add(ParseOne(withNamespace));
        }

        return new TupleTarget(offset, items);
    }

    private bool IsEnd(string? endName) =>
        tokens.Current.Kind == TokenKind.BlockEnd || tokens.IsOperator(")") || tokens.IsOperator("=") || (endName is not null && tokens.IsName(endName));

    private AssignTarget ParseOne(bool withNamespace)
    {
        if (tokens.TryOperator("("))
        {
            tokens.Enter();
            var inner = Parse(withNamespace, endName: null);
            tokens.Leave();
            tokens.ExpectOperator(")");
            return inner;
        }

        var name = tokens.Expect(TokenKind.Name, "a name to assign to");
        if (name.Text is "true" or "True" or "false" or "False" or "none" or "None")
        {
            throw new TemplateFault($"cannot assign to '{name.Text}'") { Offset = name.Offset };
        }

        return withNamespace && tokens.TryOperator(".")
            ? new NamespaceTarget(name.Offset, name.Text, tokens.Expect(TokenKind.Name, "a name").Text)
            : new NameTarget(name.Offset, name.Text);
    }
}
