using System.Text.Json;
using Serving.Engine.Tokenization.Templates.Evaluation;
using Serving.Engine.Tokenization.Templates.Syntax;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates;

/// <summary>
/// A parsed chat template: the Jinja2 language as transformers sets it up (immutable sandbox, <c>trim_blocks</c>, <c>lstrip_blocks</c>,
/// loop controls, <c>tojson</c> without ASCII escapes). Immutable: any number of threads can render it at once.
/// </summary>
/// <remarks>
/// Templates come with models and are hostile until rendered: a rendering has 1,000,000 operations, 32 levels of recursion and an
/// output of at most 4 × its input + 64 KiB (1 MiB at least). There is no reflection, no file, no clock and no randomness.
/// </remarks>
public sealed class ChatTemplate
{
    /// <summary>Characters a template may have; the longest in use has under 20,000.</summary>
    public const int MaxSourceLength = 256 << 10;

    private readonly string _source;

    private readonly IReadOnlyList<StatementNode> _statements;

    private ChatTemplate(string source, IReadOnlyList<StatementNode> statements)
    {
        _source = source;
        _statements = statements;
    }

    /// <summary>Parses a template.</summary>
    /// <exception cref="ChatTemplateException">It is too long, nests deeper than 64, or its syntax is wrong.</exception>
    public static ChatTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length > MaxSourceLength)
        {
            throw new ChatTemplateException($"the template has more than {MaxSourceLength} characters", 0, 0);
        }

        // Jinja2 reads every line end as "\n" and drops the last one.
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        source = source.EndsWith('\n') ? source[..^1] : source;
        try
        {
            return new ChatTemplate(source, StatementParser.Parse(source));
        }
        catch (TemplateFault fault)
        {
            throw Located(source, fault, fault.Offset);
        }
    }

    /// <summary>Renders a conversation into the text of its prompt.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the input, fails on it, or exceeds a limit.</exception>
    public string Render(ChatTemplateInput input) => Render(input, new RenderBudget());

    /// <summary>Renders, and leaves in <paramref name="budget"/> what it cost.</summary>
    internal string Render(ChatTemplateInput input, RenderBudget budget)
    {
        ArgumentNullException.ThrowIfNull(input);
        var context = new RenderContext(budget, input.Now) { Offset = -1 };
        try
        {
            var scope = TemplateVariables.Read(input, budget);
            var output = new BudgetedText(budget);
            new StatementExecutor(context).Execute(_statements, new VariableScope(scope), output);
            return output.ToString();
        }
        catch (TemplateFault fault)
        {
            throw Located(_source, fault, context.Offset);
        }
    }

    private static ChatTemplateException Located(string source, TemplateFault fault, int offset)
    {
        if (offset < 0)
        {
            return new ChatTemplateException(fault.Message, 0, 0, fault.IsRaisedByTemplate);
        }

        var before = source.AsSpan(0, Math.Min(offset, source.Length));
        var column = before.Length - before.LastIndexOf('\n');
        return new ChatTemplateException(fault.Message, before.Count('\n') + 1, column, fault.IsRaisedByTemplate);
    }
}
