using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Grpc;

public sealed class ToolCallsTests
{
    private static readonly string[] Pieces = ["Now: ", "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\"", ": 1}}</tool_call>", "<tool_call>{\"name\":\"g\",\"arguments\":{}}"];

    private static GenerateRequest Request
    {
        get
        {
            var request = GenerateTests.Hello;
            request.Chat.Tools.Add(new Tool { Name = "f" });
            request.Chat.Tools.Add(new Tool { Name = "g" });
            return request;
        }
    }

    [Fact]
    public async Task Generate_Calls_StandBesideTheText()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, Pieces);
        using var client = daemon.Grpc();

        var choice = Assert.Single((await client.CallAsync(GenerateTests.Generate, Request)).Single<GenerateResponse>().Choices);

        Assert.Equal(("Now: ", FinishReason.ToolCalls), (choice.Text, choice.FinishReason));
        Assert.Equal(
            [new ToolCall { Index = 0, Id = "call_0", Name = "f", Arguments = "{\"a\": 1}" }, new ToolCall { Index = 1, Id = "call_1", Name = "g", Arguments = "{}" }],
            choice.ToolCalls);
    }

    [Fact]
    public async Task Generate_CallsOfCustomTools_HaveTheirTextWholeAndInParts()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, "<tool_call>{\"name\": \"p\", \"arguments\": {\"input\": \"a\\", "n\"}}</tool_call>");
        using var client = daemon.Grpc();
        var message = GenerateTests.Hello;
        message.Chat.Tools.Add(new Tool { Name = "p", Custom = new CustomTool { Lark = "start: /(.|\\n)+/" } });

        var whole = (await client.CallAsync(GenerateTests.Generate, message)).Single<GenerateResponse>().Choices.Single();
        var parts = (await client.CallAsync(GenerateTests.GenerateStream, message)).All<GenerateStreamResponse>().Select(part => part.Choice).OfType<Choice>().SelectMany(choice => choice.ToolCalls);

        Assert.Equal([new ToolCall { Index = 0, Id = "call_0", Name = "p", Input = "a\n" }], whole.ToolCalls);
        Assert.Equal([new ToolCall { Index = 0, Id = "call_0", Name = "p", Input = "a" }, new ToolCall { Index = 0, Input = "\n" }], parts);
        var format = CustomTools.FormatOf(((ChatPrompt)daemon.Engine.Requests.First().Request.Prompt).Tools!.Value[0], "");
        Assert.Equal(("lark", "start: /(.|\\n)+/"), (format!.Syntax, format.Definition));
    }

    [Fact]
    public async Task Generate_OfACustomToolWithParameters_IsRefused()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var message = GenerateTests.Hello;
        message.Chat.Tools.Add(new Tool { Name = "p", Custom = new CustomTool(), ParametersJson = "{}" });

        var answer = await client.CallAsync(GenerateTests.Generate, message);

        Assert.Equal(GrpcStatusCode.InvalidArgument, answer.Code);
        Assert.Contains("tools[0].parameters_json", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GenerateStream_Calls_ComeInParts()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, Pieces);
        using var client = daemon.Grpc();

        var choices = (await client.CallAsync(GenerateTests.GenerateStream, Request)).All<GenerateStreamResponse>().Select(message => message.Choice).OfType<Choice>().ToList();

        Assert.Equal("Now: ", string.Concat(choices.Select(choice => choice.Text)));
        Assert.Equal(
            [
                new ToolCall { Index = 0, Id = "call_0", Name = "f", Arguments = "{\"a\"" },
                new ToolCall { Index = 0, Arguments = ": 1}" },
                new ToolCall { Index = 1, Id = "call_1", Name = "g", Arguments = "{}" },
            ],
            choices.SelectMany(choice => choice.ToolCalls));
        Assert.Equal(FinishReason.ToolCalls, choices[^1].FinishReason);
    }
}
