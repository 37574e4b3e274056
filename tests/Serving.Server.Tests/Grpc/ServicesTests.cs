using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Serving.Engine;
using Serving.Protocol.Health.V1;
using Serving.Protocol.Reflection.V1;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Grpc;
using Serving.Server.Tests.Fakes;
using Status = Serving.Protocol.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Serving.Server.Tests.Grpc;

public sealed class ServicesTests
{
    private const string Check = "grpc.health.v1.Health/Check";
    private const string Watch = "grpc.health.v1.Health/Watch";
    private const string Reflect = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

    /// <summary>What the files of messages promise is what the route table has.</summary>
    [Fact]
    public async Task Methods_OfAllServices_AreMapped()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var routes = daemon.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(endpoint => endpoint.RoutePattern.RawText).ToList();

        foreach (var method in new[] { InferenceService.Descriptor, AdapterService.Descriptor, HealthService.Descriptor, ReflectionService.Descriptor }.SelectMany(service => service.Methods))
        {
            Assert.Contains($"/{method.Service.FullName}/{method.Name}", routes);
        }
    }

    [Fact]
    public async Task TokenizeAndDetokenize_AnswerAsOverHttp()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var tokens = (await client.CallAsync("serving.v1.InferenceService/Tokenize", new TokenizeRequest { Text = "to be or not", ReturnTokenTexts = true })).Single<TokenizeResponse>();
        var chat = (await client.CallAsync("serving.v1.InferenceService/Tokenize", new TokenizeRequest { Chat = GenerateTests.Hello.Chat })).Single<TokenizeResponse>();
        var text = (await client.CallAsync("serving.v1.InferenceService/Detokenize", new DetokenizeRequest { TokenIds = { 1, 2 } })).Single<DetokenizeResponse>();
        var neither = await client.CallAsync("serving.v1.InferenceService/Tokenize", new TokenizeRequest());
        var unknown = await client.CallAsync("serving.v1.InferenceService/Detokenize", new DetokenizeRequest { Model = "nobody", TokenIds = { 1 } });
        var outside = await client.CallAsync("serving.v1.InferenceService/Detokenize", new DetokenizeRequest { TokenIds = { 1000 } });

        Assert.Equal([2, 2, 2, 3], tokens.TokenIds);
        Assert.Equal(["to", "be", "or", "not"], tokens.TokenTexts);
        Assert.Equal(2048, tokens.MaxModelLen);
        Assert.Equal((1, 0), (chat.TokenIds.Count, chat.TokenTexts.Count));
        Assert.Equal("1 2", text.Text);
        Assert.Equal((GrpcStatusCode.InvalidArgument, "prompt"), (neither.Code, neither.Field));
        Assert.Equal((GrpcStatusCode.NotFound, "model"), (unknown.Code, unknown.Field));
        Assert.Equal((GrpcStatusCode.InvalidArgument, "tokens"), (outside.Code, outside.Field));
    }

    [Fact]
    public async Task ListModels_ShowsTheBaseAndTheCallersAdapters()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Adapters.Add(("mine", "one"));

        async Task<IEnumerable<string>> NamesAsync(string key)
        {
            using var client = daemon.Grpc(key);
            return (await client.CallAsync("serving.v1.InferenceService/ListModels", new ListModelsRequest())).Single<ListModelsResponse>().Models.Select(model => $"{model.Name}:{model.Parent}:{model.MaxModelLen}");
        }

        Assert.Equal(["base::2048", "json:base:0", "mine:base:0", "pirate:base:0"], await NamesAsync("key-one"));
        Assert.Equal(["base::2048", "json:base:0", "pirate:base:0"], await NamesAsync("key-two"));
        daemon.Engine.DiskFailure = new Engine.Requests.RequestFailure(Core.Requests.RequestError.AdapterUnavailable, "The adapters cannot be listed now.", null, TimeSpan.FromSeconds(3));
        using var other = daemon.Grpc("key-two");
        Assert.Equal(GrpcStatusCode.Unavailable, (await other.CallAsync("serving.v1.InferenceService/ListModels", new ListModelsRequest())).Code);
    }

    [Fact]
    public async Task LoadAndUnloadAdapter_AreTheOwnersAndTheAdminsToCall()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        using var tenant = daemon.Grpc("key-one");
        using var admin = daemon.Grpc("key-ops");

        var refused = await tenant.CallAsync("serving.v1.AdapterService/LoadAdapter", new LoadAdapterRequest { Name = "pirate", Path = "pirate" });
        var loaded = await admin.CallAsync("serving.v1.AdapterService/LoadAdapter", new LoadAdapterRequest { Name = "pirate", LoadInPlace = true });
        var unloaded = await admin.CallAsync("serving.v1.AdapterService/UnloadAdapter", new UnloadAdapterRequest { Name = "pirate" });
        var nameless = await admin.CallAsync("serving.v1.AdapterService/UnloadAdapter", new UnloadAdapterRequest());

        Assert.Equal(GrpcStatusCode.NotFound, refused.Code);
        loaded.Single<LoadAdapterResponse>();
        unloaded.Single<UnloadAdapterResponse>();
        Assert.Equal((GrpcStatusCode.InvalidArgument, "name"), (nameless.Code, nameless.Field));
        Assert.Equal(["load one tenant pirate pirate False", "load ops admin pirate - True", "unload ops admin pirate"], daemon.Engine.AdapterCalls);
    }

    [Fact]
    public async Task Check_WithoutAKey_FollowsReadinessLivenessAndStart()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options(), started: false);
        using var client = daemon.Grpc();
        async Task<Status> NowAsync(string service) => (await client.CallAsync(Check, new HealthCheckRequest { Service = service })).Single<HealthCheckResponse>().Status;

        Assert.Equal((Status.NotServing, Status.Serving, Status.NotServing), (await NowAsync(""), await NowAsync("liveness"), await NowAsync("startup")));
        await daemon.LoadAsync();
        Assert.Equal((Status.Serving, Status.Serving, Status.Serving), (await NowAsync(""), await NowAsync("liveness"), await NowAsync("startup")));
        Assert.Equal((Status.Serving, Status.Serving), (await NowAsync("serving.v1.InferenceService"), await NowAsync("serving.v1.AdapterService")));
        daemon.Engine.IsAlive = false;
        Assert.Equal((Status.NotServing, Status.NotServing, Status.Serving), (await NowAsync(""), await NowAsync("liveness"), await NowAsync("startup")));
        Assert.Equal(GrpcStatusCode.NotFound, (await client.CallAsync(Check, new HealthCheckRequest { Service = "nobody" })).Code);
    }

    [Fact]
    public async Task Watch_TellsChangesAndTheEnd()
    {
        await using var daemon = await TestDaemon.StartAsync(new(), started: false);
        using var client = daemon.Grpc();
        using var response = await client.SendAsync(Watch, GrpcClient.Frame(new HealthCheckRequest()), CancellationToken.None);
        using var unknown = await client.SendAsync(Watch, GrpcClient.Frame(new HealthCheckRequest { Service = "nobody" }), CancellationToken.None);
        await using var stream = await response.Content.ReadAsStreamAsync();

        Assert.Equal(Status.NotServing, await NextAsync(stream));
        await daemon.LoadAsync();
        Assert.Equal(Status.Serving, await NextAsync(stream));
        daemon.Engine.State = EngineState.Failed;
        Assert.Equal(Status.NotServing, await NextAsync(stream));
        Assert.Equal(Status.ServiceUnknown, await NextAsync(await unknown.Content.ReadAsStreamAsync()));

        await daemon.App.StopAsync();
        Assert.Equal(0, await stream.ReadAsync(new byte[1]));
        Assert.Equal("14", Assert.Single(response.TrailingHeaders.GetValues("grpc-status")));
        Assert.Empty(daemon.Errors);
    }

    [Fact]
    public async Task Reflection_TellsServicesAndFilesThatBuild()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        ServerReflectionRequest[] requests =
        [
            new() { ListServices = "*" },
            new() { FileContainingSymbol = "serving.v1.InferenceService" },
            new() { FileContainingSymbol = "serving.v1.InferenceService.Generate" },
            new() { FileContainingSymbol = "google.rpc.BadRequest.FieldViolation" },
            new() { FileContainingSymbol = "grpc.health.v1.HealthCheckResponse.ServingStatus" },
            new() { FileByFilename = "google/protobuf/struct.proto" },
            new() { AllExtensionNumbersOfType = "serving.v1.Chat" },
            new() { FileContainingSymbol = "nobody.Nothing" },
            new() { FileByFilename = "../serving.proto" },
            new() { FileContainingExtension = new ExtensionRequest { ContainingType = "serving.v1.Chat", ExtensionNumber = 1 } },
            new(),
        ];

        var answers = (await client.CallAsync(Reflect, [.. requests.SelectMany(GrpcClient.Frame)])).All<ServerReflectionResponse>();

        Assert.Equal(requests, answers.Select(answer => answer.OriginalRequest));
        Assert.Equal(
            ["serving.v1.InferenceService", "serving.v1.AdapterService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"],
            answers[0].ListServicesResponse.Service.Select(service => service.Name));
        Assert.All(answers.Skip(1).Take(5), answer => Assert.NotEmpty(Build(answer.FileDescriptorResponse)));
        Assert.Contains("serving/v1/chat.proto", Build(answers[1].FileDescriptorResponse));
        Assert.Empty(answers[6].AllExtensionNumbersResponse.ExtensionNumber);
        Assert.Equal([5, 5, 5, 3], answers.Skip(7).Select(answer => answer.ErrorResponse.ErrorCode));
    }

    // As a client does it: files whose imports are all there.
    private static IReadOnlyList<string> Build(FileDescriptorResponse response) =>
        [.. FileDescriptor.BuildFromByteStrings(response.FileDescriptorProto.Reverse()).Select(file => file.Name)];

    private static async Task<Status> NextAsync(Stream stream)
    {
        var prefix = new byte[5];
        await stream.ReadExactlyAsync(prefix);
        var message = new byte[prefix[4]];
        await stream.ReadExactlyAsync(message);
        return HealthCheckResponse.Parser.ParseFrom(message).Status;
    }
}
