using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Parses macros and call blocks, and notes which of <c>varargs</c>, <c>kwargs</c> and <c>caller</c> a body reads.</summary>
internal sealed class MacroParser(TokenStream tokens, ExpressionParser expressions, StatementParser statements)
{
    private const int MaxParameters = 255;

    public MacroStatement ParseMacro(int offset)
    {
        var name = tokens.Expect(TokenKind.Name, "the macro's name").Text;
        return new MacroStatement(offset, Define(offset, name, ParseParameters(), "endmacro"));
    }

    public CallBlockStatement ParseCallBlock(int offset)
    {
        var parameters = tokens.IsOperator("(") ? ParseParameters() : [];
        var call = expressions.Parse() as CallExpression ?? throw new TemplateFault("a call is expected") { Offset = offset };
        return new CallBlockStatement(offset, Define(offset, null, parameters, "endcall"), call);
    }

    /// <summary>Parses a body that loops around it cannot be left from.</summary>
    public IReadOnlyList<StatementNode> ParseIsolated(string end)
    {
        var loops = statements.LoopDepth;
        statements.LoopDepth = 0;
        var body = statements.ParseBody(end);
        statements.LoopDepth = loops;
        return body;
    }

    private MacroDefinition Define(int offset, string? name, IReadOnlyList<MacroParameter> parameters, string end)
    {
        var outer = expressions.NamesRead;
        var read = expressions.NamesRead = [];
        var body = ParseIsolated(end);
        expressions.NamesRead = outer;
        outer.UnionWith(read);
        return new MacroDefinition(offset, name, parameters, body, read.Contains("varargs"), read.Contains("kwargs"), read.Contains("caller"));
    }

    private List<MacroParameter> ParseParameters()
    {
        tokens.ExpectOperator("(");
        var parameters = new List<MacroParameter>();
        while (!tokens.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                tokens.ExpectOperator(",");
            }

            var name = tokens.Expect(TokenKind.Name, "a parameter's name").Text;
            var fallback = tokens.TryOperator("=") ? expressions.Parse() : null;
            if (parameters.Count == MaxParameters)
            {
                throw tokens.Fault($"a macro has more than {MaxParameters} parameters");
            }

            if (parameters.Exists(p => p.Name == name))
            {
                throw tokens.Fault($"the parameter '{name}' is named twice");
            }

            if (fallback is null && parameters.Count > 0 && parameters[^1].Default is not null)
            {
                throw tokens.Fault("a parameter without default follows one with a default");
            }

            parameters.Add(new MacroParameter(name, fallback));
        }

        tokens.ExpectOperator(")");
        return parameters;
    }
}
