using System.Text.Json;
using Serving.Engine.Tokenization.Templates;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization.Templates;

public sealed class BundledTemplateTests
{
    [Fact]
    public void Render_BundledModel_WritesItsPromptFormat()
    {
        var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.DemoModel, "tokenizer_config.json"))).RootElement;
        var template = ChatTemplate.Parse(config.GetProperty("chat_template").GetString()!);

        var prompt = template.Render(new ChatTemplateInput
        {
            Messages = TemplateRun.Json("""[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi <b>é😀"}]"""),
            BosToken = config.GetProperty("bos_token").GetString(),
            EosToken = config.GetProperty("eos_token").GetString(),
        });

        Assert.Equal(
            "<|begin_of_text|><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <b>é😀<|im_end|>\n<|im_start|>assistant\n",
            prompt);
    }
}
