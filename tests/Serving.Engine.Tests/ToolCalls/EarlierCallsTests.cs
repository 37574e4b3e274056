using System.Text.Json;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Testing;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Calls that a client sends back, in prompts of real templates.</summary>
public sealed class EarlierCallsTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    private static readonly JsonElement Tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"f","description":"d","parameters":{}}}]""").RootElement;

    [Theory]
    [InlineData("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}}\n</tool_call>")]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}}\n</tool_call>")]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}}\n</tool_call>")]
    [InlineData("Qwen-Qwen3-0.6B", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}}\n</tool_call>")]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", "{\"name\": \"f\", \"parameters\": {\"city\": \"Köln\", \"n\": 1.0}}")]
    [InlineData("meta-llama-Llama-3.3-70B-Instruct", "{\"name\": \"f\", \"parameters\": {\"city\": \"Köln\", \"n\": 1.0}}")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}, \"id\": \"890123456\"}]")]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "[TOOL_CALLS]f[CALL_ID]890123456[ARGS]{\"city\": \"Köln\", \"n\": 1.0}")]
    [InlineData("unsloth-mistral-Devstral-Small-2507", "[TOOL_CALLS]f[ARGS]{\"city\": \"Köln\", \"n\": 1.0}")]
    [InlineData("Apertus-8B-Instruct", "<|tools_prefix|>[{\"f\": {\"city\": \"Köln\", \"n\": 1.0}}]<|tools_suffix|>")]
    [InlineData("Apriel-1.6-15b-Thinker-fixed", "<tool_calls>[{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}, \"id\": \"call_567890123456\"}]</tool_calls>")]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "\"tool_name\": \"f\", \"parameters\": {\"city\": \"Köln\", \"n\": 1.0}}")]
    [InlineData("GigaChat3-10B-A1.8B", "function call<|role_sep|>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Köln\", \"n\": 1.0}}")]
    [InlineData("google-gemma-4-31B-it-interleaved", "<|tool_call>call:f{city:<|\"|>Köln<|\"|>,n:1.0}<tool_call|>")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "```json\n{\"city\":\"Köln\",\"n\":1.0}\n```")]
    public void Normalize_CallAsClientsSendIt_IsWrittenAsTheModelWrites(string template, string call)
    {
        foreach (var content in new[] { "\"content\":null,", "\"content\":\"\",", "" })
        {
            var messages = $$"""
                [{"role":"user","content":"x"},
                 {"role":"assistant",{{content}}"tool_calls":[{"id":"call_567890123456","type":"function","function":{"name":"f","arguments":"{\"city\":\"Köln\",\"n\":1.0}"} }]},
                 {"role":"tool","tool_call_id":"call_567890123456","content":"rain"}]
                """;

            var text = Render(template, messages);

            Assert.Contains(call, text, StringComparison.Ordinal);
            Assert.Contains("rain", text, StringComparison.Ordinal);
        }
    }

    /// <summary>A template that takes the name from the id gets ids with the names in them, and the results those of their calls; what has such an id keeps it.</summary>
    [Fact]
    public void Normalize_IdsOfAnotherServer_GetTheNamesThatTheTemplateReads()
    {
        var messages = JsonDocument.Parse("""
            [{"role":"assistant","tool_calls":[{"id":"functions.f:0","function":{"name":"f","arguments":"{}"}},{"id":"call_9","function":{"name":"g","arguments":"{}"}},{"function":{"name":"h","arguments":"{}"}}]},
             {"role":"tool","tool_call_id":"call_9","content":"x"},{"role":"tool","tool_call_id":"functions.f:0","content":"y"},{"role":"tool","tool_call_id":null,"content":"z"}]
            """).RootElement;

        var normal = ChatMessages.Normalize(messages, new ToolSupport { Format = ToolCallFormat.KimiK2 }, new ReasoningSupport());

        Assert.Equal(["functions.f:0", "functions.g:1"], normal[0].GetProperty("tool_calls").EnumerateArray().Take(2).Select(call => call.GetProperty("id").GetString()));
        Assert.Equal(["functions.g:1", "functions.f:0", null], normal.EnumerateArray().Skip(1).Select(message => message.GetProperty("tool_call_id").GetString()));
    }

    [Theory]
    [InlineData("{\"city\": \"Kö")]
    [InlineData("not JSON")]
    [InlineData("[1]")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    public void Normalize_ArgumentsThatAreNoObject_StayText(string arguments)
    {
        var messages = JsonSerializer.SerializeToElement(new object[]
        {
            new { role = "assistant", tool_calls = new[] { new { function = new { name = "f", arguments } } } },
        });

        var normal = ChatMessages.Normalize(messages, new ToolSupport(), new ReasoningSupport());

        Assert.Equal(arguments, normal[0].GetProperty("tool_calls")[0].GetProperty("function").GetProperty("arguments").GetString());
    }

    [Theory]
    [InlineData("\"content\":null", true)]
    [InlineData("\"content\":null,\"tool_calls\":[]", true)]
    [InlineData("\"content\":null,\"reasoning\":\"cut o\"", true)]
    [InlineData("\"refusal\":null", false)]
    public void Normalize_AnswerWithoutContent_IsAnEmptyText(string fields, bool isTaken)
    {
        var messages = JsonDocument.Parse($$"""[{"role":"user","content":"a"},{"role":"assistant",{{fields}} },{"role":"user","content":"b"}]""").RootElement;

        Assert.Equal(isTaken ? null : "messages[1].content", ChatMessages.Validate(new ChatPrompt(messages))?.Parameter);
        Assert.True(!isTaken || ChatMessages.Normalize(messages, new ToolSupport(), new ReasoningSupport())[1].GetProperty("content").GetString()!.Length == 0);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    public void Normalize_NoCalls_LeavesOutTheirList(string calls)
    {
        var messages = JsonDocument.Parse($$"""[{"role":"assistant","content":"x","tool_calls":{{calls}} }]""").RootElement;

        Assert.Equal("""[{"role":"assistant","content":"x"}]""", ChatMessages.Normalize(messages, new ToolSupport(), new ReasoningSupport()).GetRawText());
    }

    [Fact]
    public void Render_ModelWithATemplateForTools_TakesItForConversationsThatOfferSome()
    {
        var tokenizer = Tokenizer.Parse(
            """{"model":{"type":"BPE","merges":[],"vocab":{"a":0}}}"""u8,
            """{"chat_template":[{"name":"default","template":"plain"},{"name":"tool_use","template":"with {{ tools | length }}"}]}"""u8);
        var renderer = new ConversationRenderer(tokenizer, ChatTemplate.Parse(tokenizer.ChatTemplate!), TimeProvider.System, ChatTemplate.Parse(tokenizer.ToolChatTemplate!));
        var messages = JsonDocument.Parse("[]").RootElement;

        Assert.Equal("plain", renderer.Render(messages, null, addGenerationPrompt: true, arguments: null));
        Assert.Equal("with 1", renderer.Render(messages, Tools, addGenerationPrompt: true, arguments: null));
    }

    private static string Render(string template, string messages)
    {
        var source = File.ReadAllText(Path.Combine(Repository.SharedData("tokenizers", "chat-templates", "llama.cpp"), template + ".jinja"));
        var renderer = new ConversationRenderer(Tokenizer, ChatTemplate.Parse(source), TimeProvider.System);
        var support = ToolProbe.Look(renderer, ToolSupport.Automatic);
        return renderer.Render(ChatMessages.Normalize(JsonDocument.Parse(messages).RootElement, support, new ReasoningSupport()), Tools, addGenerationPrompt: true, arguments: null);
    }
}
