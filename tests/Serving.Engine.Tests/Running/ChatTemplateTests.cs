using System.Text.Json;
using Serving.Engine.Hosting;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>A template and variables that the operator sets, by what prompts become.</summary>
public sealed class ChatTemplateTests : IDisposable
{
    private const string Template = "{{ greeting }}{% if tools %}, {{ tools[0].function.name }}{% endif %}: {% for message in messages %}{{ message.content }}{% endfor %}{% if enable_thinking %} (think){% endif %}";

    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Options_TemplateAndVariables_TakeThePlaceOfTheModels()
    {
        await using var engine = Start(Template, """{"greeting": "Hi", "enable_thinking": true}""");

        Assert.Equal("Hi: a (think)", await Prompt(engine, new ChatPrompt(Messages)));
        Assert.Equal("Ho: a", await Prompt(engine, new ChatPrompt(Messages, TemplateArguments: Variables("""{"greeting": "Ho", "enable_thinking": false}"""))));
        Assert.Equal("Hi: a", await Prompt(engine, new ChatPrompt(Messages, TemplateArguments: Variables("""{"enable_thinking": false, "unread": 1}"""))));
        Assert.Equal("Hi: a", await Prompt(engine, new ChatPrompt(Messages) { ReasoningEffort = "none" }));
        Assert.Equal("Hi, f: a (think)", await Prompt(engine, new ChatPrompt(Messages, JsonSerializer.Deserialize<JsonElement>("""[{"type": "function", "function": {"name": "f"}}]"""))));
    }

    [Theory]
    [InlineData("{% if %}", "{}", "chat-template: ")]
    [InlineData(null, "{}", "chat-template: there is no file")]
    [InlineData("{{ messages }}", """{"messages": []}""", "default-chat-template-kwargs: 'messages' cannot be set")]
    public void Options_ThatAreWrong_EndTheStart(string? template, string variables, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<EngineStartException>(() => Start(template, variables)).Message, StringComparison.Ordinal);

    private static JsonElement Messages => JsonSerializer.Deserialize<JsonElement>("""[{"role": "user", "content": "a"}]""");

    private static Dictionary<string, JsonElement> Variables(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;

    private static async Task<string> Prompt(RunningEngine engine, ChatPrompt chat)
    {
        var result = await engine.Client.TokenizeAsync(RunningEngine.Tenant, "base", chat, addSpecialTokens: false, TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        return Tokenizer.Decode([.. result.Tokens], skipSpecialTokens: false);
    }

    private RunningEngine Start(string? template, string variables)
    {
        var path = _folder.PathOf("chat.jinja");
        if (template is not null)
        {
            File.WriteAllText(path, template);
        }

        return RunningEngine.Start(change: options => options with { ToolCallParser = "none", ChatTemplate = path, DefaultTemplateArguments = Variables(variables) });
    }
}
