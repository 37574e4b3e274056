using Serving.Engine.Tokenization.Templates.Builtins;
using Serving.Engine.Tokenization.Templates.Syntax;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>Evaluates expressions, one operation for each node.</summary>
internal sealed class ExpressionEvaluator(RenderContext context)
{
    /// <summary>The value of an expression; the context keeps the place of the node that is in work.</summary>
    public TemplateValue Evaluate(ExpressionNode expression, VariableScope scope)
    {
        RenderBudget.CheckStack();
        context.Budget.Charge();
        context.Offset = expression.Offset;
        return expression switch
        {
            LiteralExpression e => e.Value,
            NameExpression e => scope.Find(e.Name, context.Budget) ?? GlobalTable.All.GetValueOrDefault(e.Name) ?? new UndefinedValue($"'{e.Name}' is undefined"),
            AttributeExpression e => MemberAccess.Get(EvaluateAt(e.Target, scope, e.Offset), e.Name, context),
            SubscriptExpression e => Subscript(e, scope),
            SliceExpression e => Slice(e, scope),
            CallExpression e => Call(e, scope),
            FilterExpression e => Filter(e.Filter, Evaluate(e.Target, scope), scope),
            TestExpression e => Test(e, scope),
            ConditionalExpression e => Evaluate(e.Test, scope).IsTrue ? Evaluate(e.Then, scope) : Otherwise(e, scope),
            LogicalExpression e => Logical(e, scope),
            NotExpression e => BoolValue.Of(!Evaluate(e.Operand, scope).IsTrue),
            CompareExpression e => Compare(e, scope),
            BinaryExpression e => Binary(e, scope),
            SignExpression e => Arithmetic.Sign(EvaluateAt(e.Operand, scope, e.Offset), e.IsMinus),
            ConcatExpression e => Concat(e, scope),
            ListExpression e => new ListValue(EvaluateAll(e.Items, scope)),
            TupleExpression e => new TupleValue(EvaluateAll(e.Items, scope)),
            DictExpression e => Dict(e, scope),
            _ => throw new InvalidOperationException($"No evaluation for {expression.GetType().Name}."),
        };
    }

    /// <summary>The arguments of a call, a filter or a test.</summary>
    public CallArguments EvaluateArguments(ArgumentList list, VariableScope scope)
    {
        if (ReferenceEquals(list, ArgumentList.Empty))
        {
            return CallArguments.Empty;
        }

        var positional = EvaluateAll(list.Positional, scope);
        var named = new List<KeyValuePair<string, TemplateValue>>();
        foreach (var (name, value) in list.Named)
        {
            named.Add(new(name, Evaluate(value, scope)));
        }

        if (list.Star is not null)
        {
            positional.AddRange(Iteration.Enumerate(Evaluate(list.Star, scope), context));
        }

        if (list.DoubleStar is not null)
        {
            var mapping = Evaluate(list.DoubleStar, scope) as DictValue ?? throw new TemplateFault("argument after ** must be a mapping");
            foreach (var (key, value) in mapping.Entries)
            {
                context.Budget.Charge();
                var name = key as StringValue ?? throw new TemplateFault("keywords must be strings");
                named.Add(new(name.Text, value));
            }
        }

        return new CallArguments(positional, named);
    }

    /// <summary>Applies a filter.</summary>
    public TemplateValue Filter(FilterUse filter, TemplateValue target, VariableScope scope)
    {
        var arguments = EvaluateArguments(filter.Arguments, scope);
        context.Offset = filter.Offset;
        return FilterTable.Apply(filter.Name, context, arguments.Prepend(target));
    }

    /// <summary>Calls a value; faults for what cannot be called.</summary>
    public TemplateValue Call(TemplateValue callee, CallArguments arguments, int offset)
    {
        context.Offset = offset;
        return callee switch
        {
            CallableValue callable => callable.Call(context, arguments),
            UndefinedValue undefined => throw undefined.Fault(),
            _ => throw new TemplateFault($"'{callee.TypeName}' object is not callable"),
        };
    }

    private List<TemplateValue> EvaluateAll(IReadOnlyList<ExpressionNode> expressions, VariableScope scope)
    {
        var values = new List<TemplateValue>(expressions.Count);
        foreach (var expression in expressions)
        {
            values.Add(Evaluate(expression, scope));
        }

        return values;
    }

    /// <summary>Evaluates an operand, and puts the place of work back on the operator.</summary>
    private TemplateValue EvaluateAt(ExpressionNode expression, VariableScope scope, int offset)
    {
        var value = Evaluate(expression, scope);
        context.Offset = offset;
        return value;
    }

    private TemplateValue Subscript(SubscriptExpression e, VariableScope scope)
    {
        var target = Evaluate(e.Target, scope);
        return MemberAccess.GetItem(target, EvaluateAt(e.Index, scope, e.Offset), context);
    }

    private TemplateValue Slice(SliceExpression e, VariableScope scope)
    {
        var target = Evaluate(e.Target, scope);
        TemplateValue? Bound(ExpressionNode? bound) => bound is null ? null : Evaluate(bound, scope);
        var (start, stop, step) = (Bound(e.Start), Bound(e.Stop), Bound(e.Step));
        context.Offset = e.Offset;
        return SliceBounds.Slice(target, start, stop, step, context);
    }

    private TemplateValue Call(CallExpression e, VariableScope scope)
    {
        var callee = Evaluate(e.Callee, scope);
        return Call(callee, EvaluateArguments(e.Arguments, scope), e.Offset);
    }

    private BoolValue Test(TestExpression e, VariableScope scope)
    {
        var target = Evaluate(e.Target, scope);
        var arguments = EvaluateArguments(e.Arguments, scope);
        context.Offset = e.Offset;
        return BoolValue.Of(TestTable.Holds(e.Name, context, arguments.Prepend(target)) != e.IsNegated);
    }

    private TemplateValue Otherwise(ConditionalExpression e, VariableScope scope) => e.Else is null
        ? new UndefinedValue("the inline if-expression evaluated to false and no else section was defined.")
        : Evaluate(e.Else, scope);

    private TemplateValue Logical(LogicalExpression e, VariableScope scope)
    {
        var left = Evaluate(e.Left, scope);
        return left.IsTrue == e.IsAnd ? Evaluate(e.Right, scope) : left;
    }

    private TemplateValue Binary(BinaryExpression e, VariableScope scope)
    {
        var left = Evaluate(e.Left, scope);
        return Arithmetic.Apply(e.Operator, left, EvaluateAt(e.Right, scope, e.Offset), context);
    }

    private BoolValue Compare(CompareExpression e, VariableScope scope)
    {
        var left = Evaluate(e.First, scope);
        foreach (var (op, operand) in e.Rest)
        {
            var right = EvaluateAt(operand, scope, e.Offset);
            var holds = op switch
            {
                "==" => Equality.AreEqual(left, right, context.Budget),
                "!=" => !Equality.AreEqual(left, right, context.Budget),
                "in" => Membership.Contains(right, left, context),
                "not in" => !Membership.Contains(right, left, context),
                "<" or "<=" => Membership.Less(left, right, context, op.Length == 2),
                _ => Membership.Less(right, left, context, op.Length == 2),
            };
            if (!holds)
            {
                return BoolValue.False;
            }

            left = right;
        }

        return BoolValue.True;
    }

    private StringValue Concat(ConcatExpression e, VariableScope scope)
    {
        var text = new BudgetedText(context.Budget);
        foreach (var item in e.Items)
        {
            text.Append(PythonText.Str(Evaluate(item, scope), context.Budget));
        }

        return text.ToValue();
    }

    private DictValue Dict(DictExpression e, VariableScope scope)
    {
        var dict = new DictValue(context.Budget);
        foreach (var (key, value) in e.Entries)
        {
            var name = Evaluate(key, scope);
            dict.Set(name, Evaluate(value, scope));
        }

        return dict;
    }
}
