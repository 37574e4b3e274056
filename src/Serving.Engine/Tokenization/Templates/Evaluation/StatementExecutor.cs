using Serving.Engine.Tokenization.Templates.Syntax;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Evaluation;

/// <summary>Runs statements: writes output, sets variables. <c>if</c> shares the variables around it; other blocks have their own.</summary>
internal sealed class StatementExecutor
{
    private readonly RenderContext _context;

    private readonly Assignment _assignment;

    public StatementExecutor(RenderContext context)
    {
        _context = context;
        Expressions = new ExpressionEvaluator(context);
        _assignment = new Assignment(context);
    }

    public ExpressionEvaluator Expressions { get; }

    /// <summary>Runs a body and returns what it wrote.</summary>
    public StringValue Capture(IReadOnlyList<StatementNode> body, VariableScope scope)
    {
        var text = new BudgetedText(_context.Budget);
        Execute(body, scope, text);
        return text.ToValue();
    }

    /// <summary>Runs statements up to the end, or to a break or continue.</summary>
    public Flow Execute(IReadOnlyList<StatementNode> statements, VariableScope scope, BudgetedText output)
    {
        foreach (var statement in statements)
        {
            var flow = Execute(statement, scope, output);
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    /// <summary>Runs a loop over a value: also what a recursive loop's <c>loop(items)</c> does.</summary>
    public Flow Loop(ForStatement statement, TemplateValue iterable, VariableScope scope, BudgetedText output, int depth)
    {
        _context.Offset = statement.Offset;
        var items = SelectItems(statement, iterable, scope);
        var loop = new LoopValue(items, depth, statement.IsRecursive ? inner => Recurse(statement, inner, scope, depth + 1) : null);
        var completed = false;
        for (; loop.MoveNext(); _context.Budget.Charge())
        {
            var inner = new VariableScope(scope);
            inner.Set("loop", loop);
            _assignment.Assign(statement.Target, loop.Current, inner);
            var flow = Execute(statement.Body, inner, output);
            completed |= flow == Flow.Next;
            if (flow == Flow.Break)
            {
                break;
            }
        }

        // Jinja2 runs the else unless a pass came to the end of the body; a break or continue is no end.
        return completed ? Flow.Next : Execute(statement.Else, scope, output);
    }

    private Flow Execute(StatementNode statement, VariableScope scope, BudgetedText output)
    {
        RenderBudget.CheckStack();
        _context.Budget.Charge();
        _context.Offset = statement.Offset;
        switch (statement)
        {
            case TextStatement s:
                output.Append(s.Text);
                return Flow.Next;
            case OutputStatement s:
                Write(Expressions.Evaluate(s.Expression, scope), output);
                return Flow.Next;
            case IfStatement s:
                return If(s, scope, output);
            case ForStatement s:
                return Loop(s, Expressions.Evaluate(s.Items, scope), scope, output, 0);
            case LoopControlStatement s:
                return s.IsBreak ? Flow.Break : Flow.Continue;
            case SetStatement s:
                _assignment.Assign(s.Target, Expressions.Evaluate(s.Value, scope), scope);
                return Flow.Next;
            case SetBlockStatement s:
                return SetBlock(s, scope);
            case FilterBlockStatement s:
                return FilterBlock(s, scope, output);
            case WithStatement s:
                return With(s, scope, output);
            case ScopedStatement s:
                return Execute(s.Body, new VariableScope(scope), output);
            case MacroStatement s:
                scope.Set(s.Macro.Name!, new MacroValue(s.Macro, scope, this));
                return Flow.Next;
            case CallBlockStatement s:
                Write(CallBlock(s, scope), output);
                return Flow.Next;
            default:
                throw new InvalidOperationException($"No execution for {statement.GetType().Name}.");
        }
    }

    private void Write(TemplateValue value, BudgetedText output) => output.Append(PythonText.Str(value, _context.Budget));

    private Flow If(IfStatement s, VariableScope scope, BudgetedText output)
    {
        foreach (var (test, body) in s.Branches)
        {
            if (Expressions.Evaluate(test, scope).IsTrue)
            {
                return Execute(body, scope, output);
            }
        }

        return Execute(s.Else, scope, output);
    }

    private IReadOnlyList<TemplateValue> SelectItems(ForStatement statement, TemplateValue iterable, VariableScope scope)
    {
        var all = Builtins.Iteration.ToList(iterable, _context);
        if (statement.Filter is null)
        {
            return all;
        }

        var selected = new List<TemplateValue>();
        foreach (var item in all)
        {
            var inner = new VariableScope(scope);
            inner.Set("loop", new UndefinedValue("'loop' is undefined: the filter of a loop runs before it"));
            _assignment.Assign(statement.Target, item, inner);
            if (Expressions.Evaluate(statement.Filter, inner).IsTrue)
            {
                selected.Add(item);
            }
        }

        return selected;
    }

    private StringValue Recurse(ForStatement statement, TemplateValue iterable, VariableScope scope, int depth)
    {
        _context.Budget.Enter();
        var text = new BudgetedText(_context.Budget);
        Loop(statement, iterable, scope, text, depth);
        _context.Budget.Leave();
        return text.ToValue();
    }

    private Flow SetBlock(SetBlockStatement s, VariableScope scope)
    {
        var text = new BudgetedText(_context.Budget);
        var inner = new VariableScope(scope);
        var flow = Execute(s.Body, inner, text);
        if (flow == Flow.Next)
        {
            _assignment.Assign(s.Target, Filtered(s.Filters, text.ToValue(), inner), scope);
        }

        return flow;
    }

    private Flow FilterBlock(FilterBlockStatement s, VariableScope scope, BudgetedText output)
    {
        var text = new BudgetedText(_context.Budget);
        var inner = new VariableScope(scope);
        var flow = Execute(s.Body, inner, text);
        if (flow == Flow.Next)
        {
            Write(Filtered(s.Filters, text.ToValue(), inner), output);
        }

        return flow;
    }

    private TemplateValue Filtered(IReadOnlyList<FilterUse> filters, TemplateValue value, VariableScope scope)
    {
        foreach (var filter in filters)
        {
            value = Expressions.Filter(filter, value, scope);
        }

        return value;
    }

    private Flow With(WithStatement s, VariableScope scope, BudgetedText output)
    {
        var inner = new VariableScope(scope);
        foreach (var (target, value) in s.Variables)
        {
            _assignment.Assign(target, Expressions.Evaluate(value, scope), inner);
        }

        return Execute(s.Body, inner, output);
    }

    private TemplateValue CallBlock(CallBlockStatement s, VariableScope scope)
    {
        var callee = Expressions.Evaluate(s.Call.Callee, scope);
        var arguments = Expressions.EvaluateArguments(s.Call.Arguments, scope);
        var caller = new MacroValue(s.Caller, scope, this);
        return Expressions.Call(callee, arguments with { Named = [.. arguments.Named, new("caller", caller)] }, s.Call.Offset);
    }
}
