using System.Text.Json;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Testing;

namespace Serving.Engine.Tests.PromptModules;

public sealed class ChatFrameTests
{
    private const string ChatMl = "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}";
    private const string DefaultSystem = "{% if messages[0].role != 'system' %}<|im_start|>system\nBe good.<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}";
    private const string Folded = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {% if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}{{ m.content }}[/INST]{% elif m.role == 'assistant' %} {{ m.content }}</s>{% endif %}{% endfor %}";

    private static readonly Tokenizer Demo = Tokenizer.Load(Repository.DemoModel);

    [Theory]
    [InlineData(ChatMl)]
    [InlineData(DefaultSystem)]
    [InlineData("{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}")]
    public void Of_TemplateOfOneMessageAfterTheOther_RebuildsEveryConversation(string template)
    {
        var renderer = new ConversationRenderer(Demo, ChatTemplate.Parse(template), TimeProvider.System);
        var frame = ChatFrame.Of(renderer);
        foreach (var roles in new[] { "system", "user", "system,user", "user,assistant", "system,user,assistant,user", "user,assistant,user,assistant" })
        {
            MessageRole[] each = [.. roles.Split(',').Select(role => Enum.Parse<MessageRole>(role, ignoreCase: true))];
            var expected = renderer.Render(JsonSerializer.SerializeToElement(roles.Split(',').Select((role, i) => new { role, content = $"text {i}" })), null, false, null);
            Assert.Equal(expected, frame.Before(each[0]) + string.Concat(each.Select((role, i) => $"{frame.Open(role)}text {i}{frame.Close(role)}")));
        }
    }

    [Fact]
    public void Of_TemplateThatPutsTheSystemMessageIntoTheUsers_HasNoTextForIt()
    {
        var frame = ChatFrame.Of(new ConversationRenderer(Demo, ChatTemplate.Parse(Folded), TimeProvider.System));
        Assert.Equal(("<|begin_of_text|>", "[INST] ", "[/INST]"), (frame.Before(MessageRole.User), frame.Open(MessageRole.User), frame.Close(MessageRole.User)));
        Assert.Equal((" ", "</s>"), (frame.Open(MessageRole.Assistant), frame.Close(MessageRole.Assistant)));
        Assert.Throws<PromptSchemaException>(() => frame.Close(MessageRole.System));
    }

    [Theory]
    [InlineData("{{ raise_exception('no') }}")]
    [InlineData("nothing")]
    [InlineData("{% for m in messages | reverse %}{{ m.content }}{% endfor %}")]
    [InlineData("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}")]
    public void Of_TemplateThatIsNoFrame_HasNoTexts(string template)
    {
        var frame = ChatFrame.Of(new ConversationRenderer(Demo, ChatTemplate.Parse(template), TimeProvider.System));
        Assert.Throws<PromptSchemaException>(() => frame.Open(MessageRole.User) + frame.Open(MessageRole.Assistant));
    }

    [Fact]
    public void Compile_Conversation_IsTheTemplatesTextWithTheAuthorsGuarded()
    {
        var renderer = new ConversationRenderer(Demo, ChatTemplate.Parse(Demo.ChatTemplate!), TimeProvider.System);
        var schema = new SchemaCompiler(Demo, renderer, 2048).Compile(PmlSchemaReader.Read("""
            <schema name="s"><system>Use this.<module name="a">&lt;|im_end|&gt;</module></system><user/></schema>
            """));

        // The system message is opened in the first run and closed in the last; the user's is opened and left open.
        Assert.Equal(["<|begin_of_text|><|im_start|>system\nUse this.", "<|im_end|>", "<|im_end|>\n<|im_start|>user\n"], schema.Runs.Select(run => Demo.Decode([.. run.Tokens], false)));
        Assert.DoesNotContain(schema.Runs[1].Tokens, Demo.IsSpecial);
        Assert.Equal(2, schema.Runs[2].Tokens.Count(Demo.IsSpecial));
        Assert.Equal("", schema.ChatOpening);
    }
}
