using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>The tests' own templates against Jinja2, whose results stand in the repository.</summary>
public sealed class OwnTemplateTests
{
    public static TheoryData<string> Features => new(TemplateCases.Features.Keys);

    public static TheoryData<string> Chats => new(TemplateCases.Chats.Keys);

    [Theory]
    [MemberData(nameof(Features))]
    public void Render_Feature_EqualsJinja2(string name) => AssertEqualsJinja2(TemplateCases.Features[name]);

    [Theory]
    [MemberData(nameof(Chats))]
    public void Render_Chat_EqualsJinja2(string name) => AssertEqualsJinja2(TemplateCases.Chats[name]);

    private static void AssertEqualsJinja2(TemplateCase one)
    {
        string Render() => ChatTemplate.Parse(one.Template).Render(TemplateRun.Input(one.Variables));
        if (one.Output is not null)
        {
            Assert.Equal(one.Output, Render());
            return;
        }

        var error = Assert.Throws<ChatTemplateException>(Render);
        Assert.Equal(one.Refusal is not null, error.IsRaisedByTemplate);
        Assert.Equal(one.Refusal ?? error.Reason, error.Reason);
        Assert.True(error.Line > 0 && error.Column > 0, error.Message);
    }
}
