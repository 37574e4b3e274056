using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>Calls in formats that differ from a JSON object in a mark, as OpenAI's client sees them: no different from any other.</summary>
public sealed class ToolFormatClientTests
{
    private static readonly ChatMessage Question = new UserChatMessage("How is the weather?");

    [Theory]
    [InlineData(
        "<|tool_call_begin|>{{ item.id }}<|tool_call_argument_begin|>{{ call.arguments | tojson }}<|tool_call_end|>",
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
        "I look", " it up.", "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "functions.get_weather:0", "<|tool_call_argument_begin|>", "{\"city\": \"Os", "lo\"}", "<|tool_call_end|>", "<|tool_calls_section_end|>")]
    [InlineData(
        "{{ call.name }}({% for key in call.arguments %}{{ key }}={{ call.arguments[key] | tojson }}{% endfor %})",
        "<|tool_call_start|>[",
        "]<|tool_call_end|>",
        "I look", " it up.", "<|tool_call_start|>", "[get_weather(", "city='Os", "lo', ", ")]", "<|tool_call_end|>")]
    public async Task DotNet_WholeAndStreamed_HaveTheCallAndTakeItsResult(string call, string before, string after, params string[] pieces)
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(call, before, after), pieces);
        await using var daemon = await DaemonProcess.StartAsync("--model", folder.Path, "--served-model-name", ToolDaemon.Model, "--device", "managed");
        var client = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(daemon.Address, "/v1") }).GetChatClient(ToolDaemon.Model);
        var options = new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 64, Tools = { ChatTool.CreateFunctionTool("get_weather") } };

        var whole = (await client.CompleteChatAsync([Question], options)).Value;
        var (text, arguments) = (new StringBuilder(), new List<string>());
        await foreach (var update in client.CompleteChatStreamingAsync([Question], options))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(part => part.Text)));
            arguments.AddRange(update.ToolCallUpdates.Select(part => part.FunctionArgumentsUpdate.ToString()));
        }

        var made = Assert.Single(whole.ToolCalls);
        Assert.Equal((ChatFinishReason.ToolCalls, "I look it up.", "get_weather", "{\"city\": \"Oslo\"}"), (whole.FinishReason, whole.Content[0].Text, made.FunctionName, made.FunctionArguments.ToString()));
        Assert.Equal(("I look it up.", "{\"city\": \"Oslo\"}"), (text.ToString(), string.Concat(arguments)));
        Assert.True(arguments.Count > 1);
        var second = (await client.CompleteChatAsync([Question, new AssistantChatMessage(whole), new ToolChatMessage(made.Id, "rain")], options)).Value;
        Assert.Equal("get_weather", Assert.Single(second.ToolCalls).FunctionName);
        Assert.True(second.Usage.InputTokenCount > whole.Usage.InputTokenCount);
    }
}
