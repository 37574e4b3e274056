using Microsoft.Extensions.DependencyInjection;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;
using FinishReason = Serving.Protocol.V1.FinishReason;

namespace Serving.Server.Tests.Grpc;

public sealed class GenerateTests
{
    internal const string Generate = "serving.v1.InferenceService/Generate";
    internal const string GenerateStream = "serving.v1.InferenceService/GenerateStream";

    private static readonly Dictionary<RequestError, GrpcStatusCode> Codes = new()
    {
        [RequestError.InvalidRequest] = GrpcStatusCode.InvalidArgument,
        [RequestError.NotSupported] = GrpcStatusCode.Unimplemented,
        [RequestError.ModelNotFound] = GrpcStatusCode.NotFound,
        [RequestError.SchemaNotFound] = GrpcStatusCode.NotFound,
        [RequestError.ResponseNotFound] = GrpcStatusCode.NotFound,
        [RequestError.ContextTooLong] = GrpcStatusCode.InvalidArgument,
        [RequestError.AdapterInvalid] = GrpcStatusCode.FailedPrecondition,
        [RequestError.AdapterUnavailable] = GrpcStatusCode.Unavailable,
        [RequestError.Unauthorized] = GrpcStatusCode.Unauthenticated,
        [RequestError.Forbidden] = GrpcStatusCode.PermissionDenied,
        [RequestError.BodyTooLarge] = GrpcStatusCode.ResourceExhausted,
        [RequestError.TenantLimit] = GrpcStatusCode.ResourceExhausted,
        [RequestError.RateLimited] = GrpcStatusCode.ResourceExhausted,
        [RequestError.ExceedsTenantLimit] = GrpcStatusCode.InvalidArgument,
        [RequestError.QueueFull] = GrpcStatusCode.ResourceExhausted,
        [RequestError.Draining] = GrpcStatusCode.Unavailable,
        [RequestError.NotReady] = GrpcStatusCode.Unavailable,
        [RequestError.DeadlineExceeded] = GrpcStatusCode.DeadlineExceeded,
        [RequestError.SlowReader] = GrpcStatusCode.ResourceExhausted,
        [RequestError.ConstraintUnsatisfiable] = GrpcStatusCode.FailedPrecondition,
        [RequestError.Cancelled] = GrpcStatusCode.Cancelled,
        [RequestError.EngineFailed] = GrpcStatusCode.Unavailable,
        [RequestError.Internal] = GrpcStatusCode.Internal,
    };

    internal static GenerateRequest Hello => new() { Chat = new Chat { Messages = { new ChatMessage { Role = "user", Content = "x" } } } };

    [Fact]
    public async Task Generate_Chat_AnswersWithTextUsageAndFinishReason()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var answer = (await client.CallAsync(Generate, Hello, ("x-request-id", "mine"))).Single<GenerateResponse>();

        var choice = Assert.Single(answer.Choices);
        Assert.Equal(("Hello world", FinishReason.Stop, 0), (choice.Text, choice.FinishReason, choice.Index));
        Assert.Equal((3, 2, 5, 2), (answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens, answer.Usage.CachedTokens));
        Assert.Equal(("mine", FakeEngine.Model), (answer.Id, answer.Model));
        Assert.True(answer.CreateTime.ToDateTimeOffset() > DateTimeOffset.UtcNow.AddHours(-1));
        Assert.Empty(choice.Logprobs);
    }

    [Fact]
    public async Task GenerateStream_TwoChoices_SendsHeadOnceAndUsageLast()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var request = Hello;
        request.N = 2;

        var answer = await client.CallAsync(GenerateStream, request);
        var messages = answer.All<GenerateStreamResponse>();

        Assert.Equal(GrpcStatusCode.Ok, answer.Code);
        Assert.Equal(FakeEngine.Model, messages[0].Model);
        Assert.All(messages.Skip(1), message => Assert.Equal(("", "", null), (message.Id, message.Model, message.CreateTime)));
        Assert.All(messages.SkipLast(1), message => Assert.Null(message.Usage));
        Assert.Null(messages[^1].Choice);
        Assert.Equal(4, messages[^1].Usage.CompletionTokens);
        foreach (var choice in messages.SkipLast(1).Select(message => message.Choice).GroupBy(choice => choice.Index))
        {
            Assert.Equal("Hello world", string.Concat(choice.Select(part => part.Text)));
            Assert.Equal(FinishReason.Stop, choice.Last().FinishReason);
            Assert.All(choice.SkipLast(1), part => Assert.Equal(FinishReason.Unspecified, part.FinishReason));
        }
    }

    [Fact]
    public async Task GenerateStream_ContinuousUsage_CountsInEveryMessageAndUnaryRefusesIt()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var request = Hello;
        request.ContinuousUsageStats = true;

        Assert.All((await client.CallAsync(GenerateStream, request)).All<GenerateStreamResponse>(), message => Assert.Equal(3, message.Usage.PromptTokens));
        var refused = await client.CallAsync(Generate, request);
        Assert.Equal((GrpcStatusCode.InvalidArgument, "continuous_usage_stats"), (refused.Code, refused.Field));
    }

    [Fact]
    public async Task Generate_LogprobsAndEcho_CarryIdsBytesAndInfinity()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var choice = Assert.Single((await client.CallAsync(Generate, new GenerateRequest { Text = "x", Logprobs = 2, Echo = true })).Single<GenerateResponse>().Choices);

        Assert.Equal("echo Hello world", choice.Text);
        Assert.Equal(["echo ", "Hello", " world"], choice.Logprobs.Select(token => token.Text));
        Assert.False(choice.Logprobs[0].HasLogprob);
        Assert.Equal((7, -0.5f, "Hello"), (choice.Logprobs[1].TokenId, choice.Logprobs[1].Logprob, choice.Logprobs[1].Bytes.ToStringUtf8()));
        Assert.Equal([-0.5f, float.NegativeInfinity], choice.Logprobs[1].Top.Select(top => top.Logprob));
    }

    [Fact]
    public async Task Generate_StopReasons_AreTold()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "a", FinishReason = Core.Requests.FinishReason.Stop, StopReason = "END" });
            request.Send(new GenerationEvent { Choice = 1, Text = "b", FinishReason = Core.Requests.FinishReason.Stop, StopReason = 0 });
            request.Send(new GenerationEvent { Choice = 2, Text = "c", FinishReason = Core.Requests.FinishReason.Length });
            request.End();
        };
        var request = Hello;
        request.N = 3;

        var choices = (await client.CallAsync(Generate, request)).Single<GenerateResponse>().Choices;

        Assert.Equal("END", choices[0].StopText);
        Assert.True(choices[1].HasStopTokenId);
        Assert.Equal((FinishReason.Length, Choice.StopReasonOneofCase.None), (choices[2].FinishReason, choices[2].StopReasonCase));
    }

    [Fact]
    public async Task Generate_ModulesInUsage_AreTold()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Script = request =>
        {
            request.Modules = [new ModuleUsage("florida/miami", 9, 4)];
            request.Say(["x"]);
        };

        var module = Assert.Single((await client.CallAsync(Generate, Hello)).Single<GenerateResponse>().Usage.PromptModules);

        Assert.Equal(("florida/miami", 9, 4), (module.Name, module.Tokens, module.CachedTokens));
    }

    [Fact]
    public void Failures_AllOfThem_AreInTheTable() => Assert.Equal(Enum.GetValues<RequestError>().Order(), Codes.Keys.Order());

    public static TheoryData<RequestError> Failures() => [.. Codes.Keys];

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Refused_ByTheEngine_HasItsCodeReasonFieldAndRetry(RequestError error)
    {
        var code = Codes[error];
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Refusal = new RequestFailure(error, "Nein, 100 % «so» nicht.", "temperature", TimeSpan.FromSeconds(7));

        foreach (var method in new[] { Generate, GenerateStream })
        {
            var answer = await client.CallAsync(method, Hello);

            Assert.Equal((200, code, "Nein, 100 % «so» nicht.", "temperature"), (answer.Http, answer.Code, answer.Message, answer.Field));
            Assert.Equal(((int)code, answer.Message), (answer.Details!.Code, answer.Details.Message));
            Assert.Equal("serving", answer.Detail<Protocol.Rpc.ErrorInfo>()!.Domain);
            Assert.Equal(error.ToString(), answer.Reason!.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
            var retry = answer.Detail<Protocol.Rpc.RetryInfo>();
            Assert.Equal(ErrorMapper.RetryAfter(daemon.Engine.Refusal), retry?.RetryDelay.ToTimeSpan());
            Assert.Empty(answer.Frames);
        }
    }

    [Fact]
    public async Task GenerateStream_FailureAfterText_FollowsItInTheTrailers()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "half" });
            request.Send(new GenerationEvent { Choice = 0, FinishReason = Core.Requests.FinishReason.Failed, Failure = Engine.Requests.Failures.Of(RequestError.SlowReader) });
            request.End();
        };

        var answer = await client.CallAsync(GenerateStream, Hello);

        Assert.Equal("half", Assert.Single(answer.All<GenerateStreamResponse>()).Choice.Text);
        Assert.Equal((GrpcStatusCode.ResourceExhausted, "SLOW_READER"), (answer.Code, answer.Reason));
        var whole = await client.CallAsync(Generate, Hello);
        Assert.Equal((GrpcStatusCode.ResourceExhausted, 0), (whole.Code, whole.Frames.Count));
    }

    [Fact]
    public async Task Generate_BugInTheServer_IsInternalAndSaysNothing()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        daemon.Engine.Bug = new InvalidOperationException("secret detail");

        var answer = await client.CallAsync(Generate, Hello);

        Assert.Equal((GrpcStatusCode.Internal, "The request failed."), (answer.Code, answer.Message));
        Assert.Contains("secret detail", Assert.Single(daemon.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_WhileLoadingAndWhileDraining_IsUnavailable()
    {
        await using var daemon = await TestDaemon.StartAsync(new(), started: false);
        using var client = daemon.Grpc();

        var loading = await client.CallAsync(Generate, Hello);
        await daemon.LoadAsync();
        daemon.App.Services.GetRequiredService<Server.Hosting.EngineAccess>().CloseForDrain();
        var draining = await client.CallAsync(Generate, Hello);

        Assert.Equal((GrpcStatusCode.Unavailable, "NOT_READY"), (loading.Code, loading.Reason));
        Assert.Equal((GrpcStatusCode.Unavailable, "DRAINING"), (draining.Code, draining.Reason));
    }
}
