using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Calls between marks, and lists of them: what is read of right ones and of those that are almost right, however the text is cut.</summary>
public sealed class MarkedCallTests
{
    private const string Begin = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>";
    private const string End = "<｜tool▁call▁end｜><｜tool▁calls▁end｜>";

    [Theory]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n```json\n{\"a\": 1}\n```" + End, "", "f {\"a\": 1}")]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n{\"a\": \"```\"}" + End, "", "f {\"a\": \"```\"}")]
    [InlineData("I look.\n" + Begin + "function<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"b\":[]}\n```" + End + "<｜end", "I look.\n<｜end", "f {}", "get_weather {\"b\":[]}")]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n```json\n{}", "", "f {}")]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n```json\n{}\n``` So.", "\n``` So.", "f {}")]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n```json\n{\"a\":", Begin + "function<｜tool▁sep｜>f\n```json\n{\"a\":")]
    [InlineData(Begin + "function<｜tool▁sep｜>f\n```python\nf()```" + End, Begin + "function<｜tool▁sep｜>f\n```python\nf()```" + End)]
    [InlineData(Begin + "function<｜tool▁sep｜>other\n```json\n{}\n```" + End, Begin + "function<｜tool▁sep｜>other\n```json\n{}\n```" + End)]
    [InlineData("<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>", "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>")]
    public void DeepSeekV3_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.DeepSeekV3, text, content, calls);

    [Theory]
    [InlineData(Begin + "f<｜tool▁sep｜>{\"a\": 1}" + End, "", "f {\"a\": 1}")]
    [InlineData(Begin + "f<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Köln\"}" + End, "", "f {}", "get_weather {\"city\": \"Köln\"}")]
    [InlineData(Begin + "f<｜tool▁sep｜>```json\n{}\n```" + End, "", "f {}")]
    [InlineData(Begin + "f{}" + End, Begin + "f{}" + End)]
    public void DeepSeekV31_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.DeepSeekV31, text, content, calls);

    [Theory]
    [InlineData("<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|><|tool_calls_section_end|>", "", "f {\"a\": 1}")]
    [InlineData("So: <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>\n<|tool_call_begin|> functions.get_weather:1 <|tool_call_argument_begin|> {} <|tool_call_end|><|tool_calls_section_end|> Done.", "So:  Done.", "f {}", "get_weather {}")]
    [InlineData("<|tool_calls_section_begin|><|tool_call_begin|>f<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "", "f {}")]
    [InlineData("<|tool_calls_section_begin|><|tool_call_begin|>functions.g:0<|tool_call_argument_begin|>{}", "<|tool_calls_section_begin|><|tool_call_begin|>functions.g:0<|tool_call_argument_begin|>{}")]
    public void KimiK2_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.KimiK2, text, content, calls);

    [Fact]
    public void KimiK2_Ids_AreTheModelsUnlessItRepeatsItself()
    {
        var text = string.Concat("<|tool_calls_section_begin|>", Kimi("functions.f:3"), Kimi("functions.f:3"), Kimi("get_weather:1"), Kimi("functions.get_weather:4"));

        var answer = Answer.Of(ToolCallFormat.KimiK2, [text]);

        Assert.Equal(["functions.f:3", "functions.f:1", "id0", "functions.get_weather:4"], answer.Ids);
    }

    [Theory]
    [InlineData("<function=f>{\"a\": 1}</function>", "", "f {\"a\": 1}")]
    [InlineData("Now: <function=f>{}</function><function=get_weather>{}</function>.", "Now: .", "f {}", "get_weather {}")]
    [InlineData("<function=f>\n<parameter=a>", "<function=f>\n<parameter=a>")]
    public void FunctionaryV31_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.FunctionaryV31, text, content, calls);

    [Theory]
    [InlineData("<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", "", "f {\"a\": 1}")]
    [InlineData("<|tool_call|>[{\"name\":\"f\",\"arguments\":{}},{\"arguments\":{},\"name\":\"get_weather\"}]<|/tool_call|>", "", "f {}", "get_weather {}")]
    [InlineData("<|tool_call|> {\"name\": \"f\", \"arguments\": {}}", "", "f {}")]
    [InlineData("<|tool_call|>[{\"name\": \"other\", \"arguments\": {}}]", "<|tool_call|>[{\"name\": \"other\", \"arguments\": {}}]")]
    public void Granite_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Granite, text, content, calls);

    [Theory]
    [InlineData("functools[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", "", "f {\"a\": 1}")]
    [InlineData("import functools\n\nfunctools.reduce", "import functools\n\nfunctools.reduce")]
    public void Phi4Mini_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Phi4Mini, text, content, calls);

    [Theory]
    [InlineData("<tool_calls>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_calls>\n", "", "f {\"a\": 1}", "get_weather {}")]
    [InlineData("<tool_calls>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_calls> {\"name\": \"f\", \"arguments\": {}}", " {\"name\": \"f\", \"arguments\": {}}", "f {}")]
    [InlineData("<tool_calls>[{\"name\": \"f\", \"arguments\": {}}]</tool_calls>", "<tool_calls>[{\"name\": \"f\", \"arguments\": {}}]</tool_calls>")]
    public void MiniMax_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.MiniMax, text, content, calls);

    [Theory]
    [InlineData("<tool_calls>[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"get_weather\", \"arguments\": {\"a\": 1}}]</tool_calls>", "", "f {}", "get_weather {\"a\": 1}")]
    [InlineData("<tool_calls>[\n    {\"name\": \"f\", \"arguments\": {}}\n]</tool_calls>\n[BEGIN", "\n[BEGIN", "f {}")]
    public void HunyuanA13B_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.HunyuanA13B, text, content, calls);

    [Theory]
    [InlineData("<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"a\": 1}},\n    {\"tool_call_id\": \"1\", \"tool_name\": \"get_weather\", \"parameters\": {}}\n]<|END_ACTION|>", "", "f {\"a\": 1}", "get_weather {}")]
    [InlineData("<|START_ACTION|>[{\"name\": \"f\", \"parameters\": {}}]<|END_ACTION|>", "<|START_ACTION|>[{\"name\": \"f\", \"parameters\": {}}]<|END_ACTION|>")]
    public void CohereCommand_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.CohereCommand, text, content, calls);

    [Theory]
    [InlineData("<|tools_prefix|>[{\"f\": {\"a\": {\"f\": 1}}}, {\"get_weather\": {}}]<|tools_suffix|>", "", "f {\"a\": {\"f\": 1}}", "get_weather {}")]
    [InlineData("<|tools_prefix|>[{\"other\": {}}]<|tools_suffix|>", "<|tools_prefix|>[{\"other\": {}}]<|tools_suffix|>")]
    [InlineData("<|tools_prefix|>[{\"f\": 1}]<|tools_suffix|>", "<|tools_prefix|>[{\"f\": 1}]<|tools_suffix|>")]
    [InlineData("<|tools_prefix|>[{}]", "<|tools_prefix|>[{}]")]
    [InlineData("<|tools_prefix|>[{\"f\": {}, \"get_weather\": {}}]", ", \"get_weather\": {}}]", "f {}")]
    public void Apertus_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Apertus, text, content, calls);

    [Theory]
    [InlineData("A moment.\n\nfunction call<|role_sep|>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}", "A moment.\n\n", "f {\"a\": 1}")]
    [InlineData("a function call, or two", "a function call, or two")]
    public void GigaChat3_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.GigaChat3, text, content, calls);

    private static string Kimi(string id) => $"<|tool_call_begin|>{id}<|tool_call_argument_begin|>{{}}<|tool_call_end|>";
}
