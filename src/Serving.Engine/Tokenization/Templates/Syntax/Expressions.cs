using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>A node that yields a value.</summary>
/// <param name="Offset">Where an error of the node is reported: an offset in the source.</param>
internal abstract record ExpressionNode(int Offset);

/// <summary>A constant.</summary>
internal sealed record LiteralExpression(int Offset, TemplateValue Value) : ExpressionNode(Offset);

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Offset, string Name) : ExpressionNode(Offset);

/// <summary><c>(a, b)</c>.</summary>
internal sealed record TupleExpression(int Offset, IReadOnlyList<ExpressionNode> Items) : ExpressionNode(Offset);

/// <summary><c>[a, b]</c>.</summary>
internal sealed record ListExpression(int Offset, IReadOnlyList<ExpressionNode> Items) : ExpressionNode(Offset);

/// <summary><c>{k: v}</c>.</summary>
internal sealed record DictExpression(int Offset, IReadOnlyList<(ExpressionNode Key, ExpressionNode Value)> Entries) : ExpressionNode(Offset);

/// <summary><c>target.name</c>.</summary>
internal sealed record AttributeExpression(int Offset, ExpressionNode Target, string Name) : ExpressionNode(Offset);

/// <summary><c>target[index]</c>.</summary>
internal sealed record SubscriptExpression(int Offset, ExpressionNode Target, ExpressionNode Index) : ExpressionNode(Offset);

/// <summary><c>target[start:stop:step]</c>; a bound that is not written is null.</summary>
internal sealed record SliceExpression(int Offset, ExpressionNode Target, ExpressionNode? Start, ExpressionNode? Stop, ExpressionNode? Step) : ExpressionNode(Offset);

/// <summary>CallArguments as written: positional, named, <c>*sequence</c> and <c>**mapping</c>.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<ExpressionNode> Positional,
    IReadOnlyList<(string Name, ExpressionNode Value)> Named,
    ExpressionNode? Star,
    ExpressionNode? DoubleStar)
{
    public static ArgumentList Empty { get; } = new([], [], null, null);
}

/// <summary><c>callee(arguments)</c>.</summary>
internal sealed record CallExpression(int Offset, ExpressionNode Callee, ArgumentList Arguments) : ExpressionNode(Offset);

/// <summary>A filter's name and arguments, without what it is applied to.</summary>
internal sealed record FilterUse(int Offset, string Name, ArgumentList Arguments);

/// <summary><c>target|name(arguments)</c>.</summary>
internal sealed record FilterExpression(ExpressionNode Target, FilterUse Filter) : ExpressionNode(Filter.Offset);

/// <summary><c>target is name(arguments)</c>.</summary>
internal sealed record TestExpression(int Offset, ExpressionNode Target, string Name, ArgumentList Arguments, bool IsNegated) : ExpressionNode(Offset);

/// <summary><c>-a</c> or <c>+a</c>.</summary>
internal sealed record SignExpression(int Offset, bool IsMinus, ExpressionNode Operand) : ExpressionNode(Offset);

/// <summary><c>not a</c>.</summary>
internal sealed record NotExpression(int Offset, ExpressionNode Operand) : ExpressionNode(Offset);

/// <summary>Arithmetic; the operator as written.</summary>
internal sealed record BinaryExpression(int Offset, string Operator, ExpressionNode Left, ExpressionNode Right) : ExpressionNode(Offset);

/// <summary><c>a and b</c>, or <c>a or b</c>: the operand that decides is the value.</summary>
internal sealed record LogicalExpression(int Offset, bool IsAnd, ExpressionNode Left, ExpressionNode Right) : ExpressionNode(Offset);

/// <summary><c>a &lt; b == c</c>: comparisons of neighbours, all of which must hold.</summary>
internal sealed record CompareExpression(int Offset, ExpressionNode First, IReadOnlyList<(string Operator, ExpressionNode Operand)> Rest) : ExpressionNode(Offset);

/// <summary><c>a ~ b ~ c</c>.</summary>
internal sealed record ConcatExpression(int Offset, IReadOnlyList<ExpressionNode> Items) : ExpressionNode(Offset);

/// <summary><c>a if test else b</c>; without else undefined.</summary>
internal sealed record ConditionalExpression(int Offset, ExpressionNode Test, ExpressionNode Then, ExpressionNode? Else) : ExpressionNode(Offset);
