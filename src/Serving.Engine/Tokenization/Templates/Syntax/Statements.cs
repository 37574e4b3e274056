namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>A node that writes output or changes variables.</summary>
/// <param name="Offset">Where an error of the node is reported.</param>
internal abstract record StatementNode(int Offset);

/// <summary>Text that is written as it is.</summary>
internal sealed record TextStatement(int Offset, string Text) : StatementNode(Offset);

/// <summary><c>{{ expression }}</c>.</summary>
internal sealed record OutputStatement(int Offset, ExpressionNode Expression) : StatementNode(Offset);

/// <summary><c>if</c> with its <c>elif</c>s, the first whose test holds is run, else <paramref name="Else"/>.</summary>
internal sealed record IfStatement(int Offset, IReadOnlyList<(ExpressionNode Test, IReadOnlyList<StatementNode> Body)> Branches, IReadOnlyList<StatementNode> Else)
    : StatementNode(Offset);

/// <summary><c>for target in items if filter</c>; <paramref name="Else"/> is run when nothing was iterated.</summary>
internal sealed record ForStatement(
    int Offset,
    AssignTarget Target,
    ExpressionNode Items,
    ExpressionNode? Filter,
    IReadOnlyList<StatementNode> Body,
    IReadOnlyList<StatementNode> Else,
    bool IsRecursive) : StatementNode(Offset);

/// <summary><c>break</c>, or <c>continue</c>.</summary>
internal sealed record LoopControlStatement(int Offset, bool IsBreak) : StatementNode(Offset);

/// <summary><c>set target = value</c>.</summary>
internal sealed record SetStatement(int Offset, AssignTarget Target, ExpressionNode Value) : StatementNode(Offset);

/// <summary><c>set target | filters</c> … <c>endset</c>: the body's output, filtered.</summary>
internal sealed record SetBlockStatement(int Offset, AssignTarget Target, IReadOnlyList<FilterUse> Filters, IReadOnlyList<StatementNode> Body) : StatementNode(Offset);

/// <summary><c>filter filters</c> … <c>endfilter</c>.</summary>
internal sealed record FilterBlockStatement(int Offset, IReadOnlyList<FilterUse> Filters, IReadOnlyList<StatementNode> Body) : StatementNode(Offset);

/// <summary><c>with a = 1, b = 2</c> … <c>endwith</c>; the values see the outer variables only.</summary>
internal sealed record WithStatement(int Offset, IReadOnlyList<(AssignTarget Target, ExpressionNode Value)> Variables, IReadOnlyList<StatementNode> Body)
    : StatementNode(Offset);

/// <summary>A parameter of a macro with its default.</summary>
internal sealed record MacroParameter(string Name, ExpressionNode? Default);

/// <summary>A macro's parameters and body, and which of the special names its body reads.</summary>
internal sealed record MacroDefinition(
    int Offset,
    string? Name,
    IReadOnlyList<MacroParameter> Parameters,
    IReadOnlyList<StatementNode> Body,
    bool UsesVarargs,
    bool UsesKwargs,
    bool UsesCaller);

/// <summary><c>macro name(parameters)</c> … <c>endmacro</c>.</summary>
internal sealed record MacroStatement(int Offset, MacroDefinition Macro) : StatementNode(Offset);

/// <summary><c>call(parameters) callee(arguments)</c> … <c>endcall</c>: the body becomes the callee's <c>caller</c>.</summary>
internal sealed record CallBlockStatement(int Offset, MacroDefinition Caller, CallExpression Call) : StatementNode(Offset);

/// <summary><c>generation</c> … <c>endgeneration</c>, and <c>autoescape false</c>: a body with variables of its own.</summary>
internal sealed record ScopedStatement(int Offset, IReadOnlyList<StatementNode> Body) : StatementNode(Offset);

/// <summary>What can stand left of <c>=</c> or after <c>for</c>.</summary>
internal abstract record AssignTarget(int Offset);

/// <summary>A variable.</summary>
internal sealed record NameTarget(int Offset, string Name) : AssignTarget(Offset);

/// <summary>An attribute of a namespace.</summary>
internal sealed record NamespaceTarget(int Offset, string Name, string Attribute) : AssignTarget(Offset);

/// <summary>Several targets; the value is unpacked.</summary>
internal sealed record TupleTarget(int Offset, IReadOnlyList<AssignTarget> Items) : AssignTarget(Offset);
