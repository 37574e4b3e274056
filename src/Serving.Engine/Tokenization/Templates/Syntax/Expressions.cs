using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>A node that yields a value.</summary>
/// <param name="Offset">Where an error of the node is reported: an offset in the source.</param>
internal abstract record Expression(int Offset);

/// <summary>A constant.</summary>
internal sealed record LiteralExpression(int Offset, Value Value) : Expression(Offset);

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Offset, string Name) : Expression(Offset);

/// <summary><c>(a, b)</c>.</summary>
internal sealed record TupleExpression(int Offset, IReadOnlyList<Expression> Items) : Expression(Offset);

/// <summary><c>[a, b]</c>.</summary>
internal sealed record ListExpression(int Offset, IReadOnlyList<Expression> Items) : Expression(Offset);

/// <summary><c>{k: v}</c>.</summary>
internal sealed record DictExpression(int Offset, IReadOnlyList<(Expression Key, Expression Value)> Entries) : Expression(Offset);

/// <summary><c>target.name</c>.</summary>
internal sealed record AttributeExpression(int Offset, Expression Target, string Name) : Expression(Offset);

/// <summary><c>target[index]</c>.</summary>
internal sealed record SubscriptExpression(int Offset, Expression Target, Expression Index) : Expression(Offset);

/// <summary><c>target[start:stop:step]</c>; a bound that is not written is null.</summary>
internal sealed record SliceExpression(int Offset, Expression Target, Expression? Start, Expression? Stop, Expression? Step) : Expression(Offset);

/// <summary>Arguments as written: positional, named, <c>*sequence</c> and <c>**mapping</c>.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? Star,
    Expression? DoubleStar)
{
    public static ArgumentList Empty { get; } = new([], [], null, null);
}

/// <summary><c>callee(arguments)</c>.</summary>
internal sealed record CallExpression(int Offset, Expression Callee, ArgumentList Arguments) : Expression(Offset);

/// <summary>A filter's name and arguments, without what it is applied to.</summary>
internal sealed record FilterUse(int Offset, string Name, ArgumentList Arguments);

/// <summary><c>target|name(arguments)</c>.</summary>
internal sealed record FilterExpression(Expression Target, FilterUse Filter) : Expression(Filter.Offset);

/// <summary><c>target is name(arguments)</c>.</summary>
internal sealed record TestExpression(int Offset, Expression Target, string Name, ArgumentList Arguments, bool IsNegated) : Expression(Offset);

/// <summary><c>-a</c> or <c>+a</c>.</summary>
internal sealed record SignExpression(int Offset, bool IsMinus, Expression Operand) : Expression(Offset);

/// <summary><c>not a</c>.</summary>
internal sealed record NotExpression(int Offset, Expression Operand) : Expression(Offset);

/// <summary>Arithmetic; the operator as written.</summary>
internal sealed record BinaryExpression(int Offset, string Operator, Expression Left, Expression Right) : Expression(Offset);

/// <summary><c>a and b</c>, or <c>a or b</c>: the operand that decides is the value.</summary>
internal sealed record LogicalExpression(int Offset, bool IsAnd, Expression Left, Expression Right) : Expression(Offset);

/// <summary><c>a &lt; b == c</c>: comparisons of neighbours, all of which must hold.</summary>
internal sealed record CompareExpression(int Offset, Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest) : Expression(Offset);

/// <summary><c>a ~ b ~ c</c>.</summary>
internal sealed record ConcatExpression(int Offset, IReadOnlyList<Expression> Items) : Expression(Offset);

/// <summary><c>a if test else b</c>; without else undefined.</summary>
internal sealed record ConditionalExpression(int Offset, Expression Test, Expression Then, Expression? Else) : Expression(Offset);
