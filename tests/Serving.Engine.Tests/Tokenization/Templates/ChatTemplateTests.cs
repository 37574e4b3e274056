using System.Text.Json;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tests.Tokenization.Templates;

public sealed class ChatTemplateTests
{
    [Fact]
    public void Render_GuardText_ReachesValuesButNoKeysAndNoTemplateText()
    {
        var input = TemplateRun.Input(TemplateRun.Json("""
            {"messages":[{"role":"user","content":["x",{"k":"y"}]}],"tools":[{"name":"z"}],"bos_token":"B","extra":"w"}
            """)) with
        { GuardText = text => $"<{text}>" };

        var text = ChatTemplate.Parse("{{ bos_token }}{{ messages }}{{ tools|tojson }}{{ extra }} t").Render(input);

        Assert.Equal("B[{'role': '<user>', 'content': ['<x>', {'k': '<y>'}]}][{\"name\": \"<z>\"}]<w> t", text);
    }

    [Fact]
    public void Render_GuardsMarks_AreNeverEscaped()
    {
        var input = TemplateRun.Input(TemplateRun.Json("{\"messages\":[\"a\"]}")) with { GuardText = text => text + '\ufdd0' };

        var text = ChatTemplate.Parse("{{ messages }}{{ messages|tojson(ensure_ascii=true) }}").Render(input);

        Assert.Equal("['a\ufdd0'][\"a\ufdd0\"]", text);
    }

    [Theory]
    [InlineData("messages")]
    [InlineData("tools")]
    [InlineData("add_generation_prompt")]
    [InlineData("bos_token")]
    [InlineData("chat_template")]
    [InlineData("raise_exception")]
    [InlineData("strftime_now")]
    [InlineData("namespace")]
    public void Render_ReservedArgument_IsRefused(string name)
    {
        var input = TemplateRun.Input(TemplateRun.Json("{}")) with { Arguments = new Dictionary<string, JsonElement> { [name] = TemplateRun.Json("1") } };

        var error = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("x").Render(input));

        Assert.Contains(name, error.Reason, StringComparison.Ordinal);
        Assert.False(error.IsRaisedByTemplate);
    }

    [Theory]
    [InlineData("a\n  {{ x.y }}", 2, 7)]
    [InlineData("{{ 1 +\n 'a' }}", 1, 6)]
    [InlineData("\n\n{% if true %}{{ [1]|nope }}{% endif %}", 3, 21)]
    [InlineData("{{ 'é😀' ~ raise_exception('no') }}", 1, 27)]
    [InlineData("{{ 1 $ }}", 1, 6)]
    public void Render_Failure_NamesItsPlace(string template, int line, int column)
    {
        var error = Assert.Throws<ChatTemplateException>(() => TemplateRun.Render(template));

        Assert.Equal((line, column), (error.Line, error.Column));
    }

    [Fact]
    public void Render_RaiseException_CarriesTheTemplatesMessage()
    {
        var error = Assert.Throws<ChatTemplateException>(() => TemplateRun.Render("{{ raise_exception('System role not supported') }}"));

        Assert.True(error.IsRaisedByTemplate);
        Assert.Equal("System role not supported", error.Reason);
    }

    [Fact]
    public void Render_BrokenSurrogateInAMessage_IsATypedError()
    {
        Assert.Throws<ChatTemplateException>(() => TemplateRun.Render("{{ messages }}", """{"messages":["\ud800"]}"""));
        Assert.Throws<ChatTemplateException>(() => TemplateRun.Render("{{ messages }}", """{"messages":[{"\ud800":1}]}"""));
    }

    [Fact]
    public void Render_LargeNumbersOfTheInput_KeepTheirDigits()
    {
        var text = TemplateRun.Render("{{ messages[0]|tojson }}", """{"messages":[[18446744073709551616, 1E2, 0.10, -0, 1e400]]}""");

        Assert.Equal("[18446744073709551616, 100.0, 0.1, 0, Infinity]", text);
    }

    [Fact]
    public void Render_LongConversation_StaysFarInsideTheBudget()
    {
        var messages = Enumerable.Range(0, 400).Select(i => new { role = i % 2 == 0 ? "user" : "assistant", content = new string('x', 2000) });
        var input = TemplateRun.Input(JsonSerializer.SerializeToElement(new { messages }));
        var budget = new RenderBudget();

        var text = ChatTemplate.Parse(TemplateCases.Chats["last user query and thinking / one"].Template).Render(input, budget);

        Assert.True(text.Length > 800_000);
        Assert.InRange(budget.Operations, 1, RenderBudget.MaxOperations / 10);
    }

    [Fact]
    public void Render_ByManyThreads_GivesOneResult()
    {
        var one = TemplateCases.Chats["schema as types / tool round"];
        var template = ChatTemplate.Parse(one.Template);
        var results = new string[64];

        Parallel.For(0, results.Length, i => results[i] = template.Render(TemplateRun.Input(one.Variables)));

        Assert.All(results, r => Assert.Equal(one.Output, r));
    }

    [Fact]
    public void Render_OutputOverItsLimit_Fails()
    {
        var error = Assert.Throws<ChatTemplateException>(() => TemplateRun.Render("{% for i in range(1025) %}{{ 'x' * 1024 }}{% endfor %}"));

        Assert.Contains("grows over", error.Reason, StringComparison.Ordinal);
    }
}
