using Serving.Engine.Tokenization.Templates;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>Templates that try to burn time, memory or the stack: each ends with an error, inside its budget of operations and bytes.</summary>
public sealed class HostileTemplateTests
{
    /// <summary>Bytes that a rendering may allocate on its thread, garbage included, whatever the template does.</summary>
    private const long MaxAllocated = 1L << 30;

    public static TheoryData<string> Templates =>
    [
        // Growth in one step.
        "{{ 'a' * 10**9 }}",
        "{{ [0] * 10**9 }}",
        "{{ (0,) * 10**9 }}",
        "{{ range(10**9) }}",
        "{{ range(10**9)|list }}",
        "{{ range(0, 10**30, 10**26) }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 9 ** 9 ** 9 ** 9 ** 9 }}",
        "{{ 'x'.ljust(10**9) }}",
        "{{ 'x'.center(10**9, '😀') }}",
        "{{ 'x'.zfill(10**9) }}",
        "{{ 'x'|center(10**9) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%*d' % (999999999, 1) }}",
        "{{ '%.999999999f' % 1.5 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ '{:{w}}'.format(1, w=999999999) }}",
        "{{ 'a\tb'.expandtabs(10**9) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 1000) }}",
        "{{ ('a' * 1000000).replace('', 'bb') }}",
        "{{ ('a' * 1000)|join('b' * 10000) }}",
        "{{ [1]|batch(10**9, 0)|list }}",
        "{{ [1]|slice(10**9)|list }}",
        "{{ ('\n' * 10000)|indent(10000, true, true) }}",
        "{{ ('\"' * 900000)|tojson }}",
        "{{ ([[]] * 100000)|tojson(indent=4096) }}",
        "{{ ('<' * 900000)|escape|escape|forceescape }}",
        "{{ ('é' * 400000)|urlencode }}",

        // Growth by steps.
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = ns.x + ['a' * 100000] %}{% endfor %}",
        "{% set ns = namespace(x=3) %}{% for i in range(100000) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'a' * 100000 }}{% endfor %}",

        // Time.
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(100000) if b < 0 %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% if (range(100000)|sum) == 1 %}{% endif %}{% endfor %}",
        "{% for a in range(100000) %}{% if 'b' in 'a' * 1000000 %}{% endif %}{% endfor %}",
        "{% set h = 'a' * 900000 %}{% set n = 'a' * 300000 ~ 'b' ~ 'a' * 300000 %}{% for i in range(1000) %}{{ n in h }}{% endfor %}",
        "{% set h = 'a' * 900000 %}{% set n = 'a' * 300000 ~ 'b' ~ 'a' * 300000 %}{% for i in range(1000) %}{{ h.rfind(n) }}{{ h.count(n) }}{% endfor %}",
        "{% set h = 'a' * 900000 %}{% set n = 'a' * 300000 ~ 'b' ~ 'a' * 300000 %}{% for i in range(1000) %}{% set x = h.split(n)|length + h.replace(n, '')|length %}{% endfor %}",
        "{% set s = '😀' * 400000 %}{% for i in range(100000) %}{% if s[-1] == s[-1:] %}{% endif %}{% endfor %}",
        "{% set s = '{0}' * 300000 %}{% for i in range(100000) %}{% if s.format('') %}{% endif %}{% endfor %}",
        "{% set s = '%s' * 400000 %}{% for i in range(100000) %}{% if s % ('',) %}{% endif %}{% endfor %}",
        "{% set s = 'aé' * 400000 %}{% for i in range(100000) %}{% if s.title() == s.swapcase() %}{% endif %}{% endfor %}",
        "{% set s = '9' * 1100 %}{% for i in range(100000) %}{% for j in range(100000) %}{% if s|int == 0 %}{% endif %}{% endfor %}{% endfor %}",
        "{% set n = 2 ** 4000 %}{% for i in range(100000) %}{% for j in range(100000) %}{% if n * n % 7 == n|string|length %}{% endif %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% if '%.4000f' % 1e-300 == '' %}{% endif %}{% endfor %}{% endfor %}",
        "{% set l = range(100000)|list %}{% for i in range(100000) %}{% if l == l[:] or l|sort == l|reverse|list %}{% endif %}{% endfor %}",
        "{% set l = range(100000)|list %}{% for i in range(100000) %}{% if l|unique|list == l|groupby(0) %}{% endif %}{% endfor %}",
        "{% for i in range(100000) %}{% if strftime_now('%c' * 40000) %}{% endif %}{% endfor %}",

        // Depth and sharing.
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x|tojson }}",
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ [ns]|string }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson|length }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x < ns.y }}",
        "{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% set ns = namespace(x='a') %}{% for i in range(10000) %}{% set ns.x = ns.x|map('upper') %}{% endfor %}{{ ns.x|list }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x|select %}{% endfor %}{{ ns.x|first }}",
        "{{ '{0:{0:{0:{0}}}}'.format(1) }}",
    ];

    public static TheoryData<string> Sources =>
    [
        "{{ " + new string('(', 100_000),
        "{{ " + new string('[', 100_000),
        "{{ " + string.Concat(Enumerable.Repeat("{1:", 50_000)),
        "{{ " + new string('-', 100_000) + "1 }}",
        "{{ " + string.Concat(Enumerable.Repeat("not ", 50_000)) + "1 }}",
        "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 50_000)) + " }}",
        "{{ 1" + string.Concat(Enumerable.Repeat(" and 1", 40_000)) + " }}",
        "{{ 1" + string.Concat(Enumerable.Repeat("|abs", 50_000)) + " }}",
        "{{ a" + string.Concat(Enumerable.Repeat(".a", 100_000)) + " }}",
        "{{ a" + string.Concat(Enumerable.Repeat("[0]", 80_000)) + " }}",
        "{{ 1 if 1" + string.Concat(Enumerable.Repeat(" else 1 if 1", 20_000)) + " }}",
        "{{ 1 | a" + string.Concat(Enumerable.Repeat(".a", 100_000)) + " }}",
        string.Concat(Enumerable.Repeat("{% if 1 %}", 20_000)),
        string.Concat(Enumerable.Repeat("{% macro a() %}", 15_000)),
        "{% macro a(" + string.Join(',', Enumerable.Range(0, 30_000).Select(i => "a" + i)) + ") %}{% endmacro %}",
        "{% set " + new string('(', 100_000),
        "{{ " + new string('9', 200_000) + " }}",
        "{{ 0x" + new string('f', 200_000) + " }}",
        "{{ 1e" + new string('9', 200_000) + " + x.y }}",
        new string('x', ChatTemplate.MaxSourceLength + 1),
    ];

    [Theory]
    [MemberData(nameof(Templates))]
    public void Render_HostileTemplate_EndsInsideItsBudget(string source)
    {
        var budget = new RenderBudget();
        var template = ChatTemplate.Parse(source);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Record.Exception(() => template.Render(TemplateRun.Input(TemplateRun.Json("{}")), budget));

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(error is null or ChatTemplateException, error?.ToString());
        Assert.NotNull(error);
        Assert.InRange(budget.Operations, 0, RenderBudget.MaxOperations);
        Assert.InRange(allocated, 0, MaxAllocated);
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Parse_HostileSource_Fails(string source)
    {
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(source).Render(TemplateRun.Input(TemplateRun.Json("{}"))));
    }

    [Fact]
    public void Render_OnAShortStack_FailsInsteadOfOverflowing()
    {
        var nested = string.Concat(Enumerable.Repeat("{% if 1 %}", 60)) + "{{ f() }}" + string.Concat(Enumerable.Repeat("{% endif %}", 60));
        var template = ChatTemplate.Parse("{% macro f() %}" + nested + "{% endmacro %}{{ f() }}");
        Exception? error = null;
        var thread = new Thread(() => error = Record.Exception(() => template.Render(TemplateRun.Input(TemplateRun.Json("{}")))), 256 << 10);

        thread.Start();
        thread.Join();

        Assert.IsType<ChatTemplateException>(error);
    }
}
