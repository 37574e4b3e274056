using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Grpc;

public sealed class ReasoningTests
{
    [Fact]
    public async Task Generate_Thoughts_StandBesideTheText()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Http.ReasoningTests.Say(request, ("So", ""), (".", "Yes."));
        using var client = daemon.Grpc();

        var whole = (await client.CallAsync(GenerateTests.Generate, GenerateTests.Hello)).Single<GenerateResponse>();
        var parts = (await client.CallAsync(GenerateTests.GenerateStream, GenerateTests.Hello)).All<GenerateStreamResponse>();

        Assert.Equal(("So.", "Yes.", 2), (whole.Choices[0].ReasoningContent, whole.Choices[0].Text, whole.Usage.ReasoningTokens));
        Assert.Equal(["So", "."], parts.Select(part => part.Choice?.ReasoningContent).Where(text => !string.IsNullOrEmpty(text)));
    }

    [Fact]
    public async Task Generate_FieldsOfThinking_ReachTheEngine()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var request = GenerateTests.Hello;
        request.IncludeReasoning = false;
        request.Chat.ReasoningEffort = "none";
        request.Chat.Messages.Insert(0, new ChatMessage { Role = "assistant", Content = "x", ReasoningContent = "y" });

        (await client.CallAsync(GenerateTests.Generate, request)).Single<GenerateResponse>();

        Assert.True(daemon.Engine.Requests.TryDequeue(out var taken));
        var chat = Assert.IsType<ChatPrompt>(taken.Request.Prompt);
        Assert.Equal((false, "none", "y"), (taken.Request.IncludeReasoning, chat.ReasoningEffort, chat.Messages[0].GetProperty("reasoning_content").GetString()));
    }
}
