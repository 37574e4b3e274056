using Google.Protobuf;
using Serving.Protocol.Health.V1;
using Serving.Protocol.Reflection.V1;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Grpc;

/// <summary>Calls that are almost right: none may make the server fail, whatever becomes of it.</summary>
public sealed class CallFuzzTests(ITestOutputHelper output)
{
    private const int Calls = 10_000;
    private const int Senders = 4;

    private static readonly (string Method, IMessage Message)[] Seeds =
    [
        (GenerateTests.Generate, Mutations.Full),
        (GenerateTests.GenerateStream, Mutations.Full),
        (GenerateTests.GenerateStream, new GenerateRequest { Chat = new Chat { Messages = { new ChatMessage { Role = "user", Content = "x" } }, Tools = { new Tool { Name = "q", Custom = new CustomTool { Regex = "a" } } } } }),
        (GenerateTests.Generate, new GenerateRequest { Text = "a", Echo = true, Logprobs = 2, PromptSchema = "trip" }),
        (GenerateTests.GenerateStream, new GenerateRequest { TokenIds = new TokenIds { Ids = { 1, 2, 999 } }, ContinuousUsageStats = true }),
        ("serving.v1.InferenceService/Tokenize", new TokenizeRequest { Chat = Mutations.Full.Chat, ReturnTokenTexts = true }),
        ("serving.v1.InferenceService/Tokenize", new TokenizeRequest { Text = "to be", AddSpecialTokens = true }),
        ("serving.v1.InferenceService/Detokenize", new DetokenizeRequest { Model = "base", TokenIds = { 1, 2, 999 } }),
        ("serving.v1.InferenceService/ListModels", new ListModelsRequest()),
        ("serving.v1.AdapterService/LoadAdapter", new LoadAdapterRequest { Name = "pirate", Path = "pirate", LoadInPlace = true }),
        ("serving.v1.AdapterService/UnloadAdapter", new UnloadAdapterRequest { Name = "pirate" }),
        ("grpc.health.v1.Health/Check", new HealthCheckRequest { Service = "liveness" }),
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", new ServerReflectionRequest { FileContainingSymbol = "serving.v1.Chat" }),
    ];

    [Fact]
    public async Task Call_TenThousandMutatedMessages_NeverFailTheServer()
    {
        await using var daemon = await TestDaemon.StartAsync();
        const int Seed = 20261127;
        output.WriteLine($"seed={Seed}");

        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(() => SendAsync(daemon, new Random(Seed + sender)))));

        Assert.Empty(daemon.Errors);
        Assert.Equal(0, daemon.Engine.Running);
    }

    private static async Task SendAsync(TestDaemon daemon, Random random)
    {
        using var client = daemon.Grpc();
        for (var i = 0; i < Calls / Senders; i++)
        {
            var (method, message) = Seeds[random.Next(Seeds.Length)];

            // Half of them keep their frame, so that what is in it is looked at.
            var bytes = random.Next(2) == 0 ? GrpcClient.Frame(Mutations.Mutate(message.ToByteArray(), random)) : Mutations.Mutate(GrpcClient.Frame(message), random);

            var answer = await client.CallAsync(method, bytes);

            Assert.True(answer is { Http: 200, Code: not (GrpcStatusCode.Internal or GrpcStatusCode.Unknown) }, $"{answer.Http} {answer.Code} for {method} {Convert.ToBase64String(bytes)}: {answer.Message}");
            Assert.DoesNotContain("   at ", answer.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("System.", answer.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("/secret", answer.Message, StringComparison.Ordinal);
        }
    }
}
