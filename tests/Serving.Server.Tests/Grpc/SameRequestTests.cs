using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Grpc;

/// <summary>The engine gets the same request over gRPC as over HTTP, every field of it.</summary>
public sealed class SameRequestTests
{
    [Fact]
    public async Task Chat_EveryField_ComesToTheSameRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var message = Mutations.Full;
        message.Chat.Messages[0] = new ChatMessage { Role = "user", Parts = { new ContentPart { Text = "hé" }, new ContentPart { Text = "\"quoted\" <b>" } } };
        var http = await daemon.PostAsync("/v1/chat/completions", """
            {"model":"base","messages":[
              {"role":"user","content":[{"type":"text","text":"hé"},{"type":"text","text":"\"quoted\" <b>"}]},
              {"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"2","type":"custom","custom":{"name":"p","input":"x"}}]},
              {"role":"tool","content":"x","name":"f","tool_call_id":"1"}],
             "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}},{"type":"custom","custom":{"name":"p"}}],
             "tool_choice":"auto","parallel_tool_calls":false,"add_generation_prompt":true,"chat_template_kwargs":{"enable_thinking":false,"list":[1,null]},
             "max_tokens":5,"n":2,"temperature":0.5,"top_p":0.9,"top_k":3,"min_p":0.1,"presence_penalty":0.1,"frequency_penalty":0.2,"repetition_penalty":1.1,
             "seed":-7,"logit_bias":{"5":-1.5},"stop":["a","b"],"stop_token_ids":[1],"min_tokens":2,"bad_words":["x","y z"],"allowed_token_ids":[1,2],"ignore_eos":true,"logprobs":true,"top_logprobs":3,"truncate_prompt_tokens":9,"truncation_side":"right","priority":1,"user":"u"}
            """);
        Assert.Equal(200, http.Code);

        Assert.Equal(GrpcStatusCode.Ok, (await client.CallAsync(GenerateTests.Generate, message)).Code);

        var (first, second) = (daemon.Engine.Requests.First().Request, daemon.Engine.Requests.Last().Request);
        AssertSame(first, second with { TopLogprobsField = first.TopLogprobsField });
    }

    [Fact]
    public async Task Text_EveryField_ComesToTheSameRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        await daemon.PostAsync("/v1/completions", """{"model":"pirate","prompt":"Once","max_tokens":3,"logprobs":2,"echo":true,"stop":"x","priority":-1}""");
        await daemon.PostAsync("/v1/completions", """{"prompt":[1,2,3],"max_tokens":16}""");

        await client.CallAsync(GenerateTests.Generate, new GenerateRequest { Model = "pirate", Text = "Once", MaxTokens = 3, Logprobs = 2, Echo = true, Stop = { "x" }, Priority = -1 });
        await client.CallAsync(GenerateTests.Generate, new GenerateRequest { TokenIds = new TokenIds { Ids = { 1, 2, 3 } }, MaxTokens = 16 });

        var requests = daemon.Engine.Requests.Select(accepted => accepted.Request).ToList();
        AssertSame(requests[0], requests[2]);
        AssertSame(requests[1], requests[3]);
    }

    public static TheoryData<string, GenerateRequest> Constraints() => new()
    {
        { "\"response_format\":{\"type\":\"json_object\"}", new GenerateRequest { JsonObject = true } },
        { "\"response_format\":{\"type\":\"text\"}", new GenerateRequest { JsonObject = false } },
        { "\"guided_json\":{\"type\":\"null\"}", new GenerateRequest { JsonSchema = "{\"type\":\"null\"}" } },
        { "\"guided_regex\":\"a+\"", new GenerateRequest { Regex = "a+" } },
        { "\"grammar\":\"root ::= x\"", new GenerateRequest { Grammar = "root ::= x" } },
        { "\"guided_choice\":[\"a\",\"b\"]", new GenerateRequest { Choice = new TextChoices { Texts = { "a", "b" } } } },
    };

    [Theory]
    [MemberData(nameof(Constraints))]
    public async Task Constraint_OfEveryKind_ComesToTheSameOne(string field, GenerateRequest message)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        Assert.Equal(200, (await daemon.PostAsync("/v1/completions", $$"""{"prompt":"x",{{field}}}""")).Code);
        message.Text = "x";
        Assert.Equal(GrpcStatusCode.Ok, (await client.CallAsync(GenerateTests.Generate, message)).Code);
        Assert.Equal(Http.ConstraintMapperTests.Describe(daemon.Engine.Requests.First().Request.Constraint, withField: false), Http.ConstraintMapperTests.Describe(daemon.Engine.Requests.Last().Request.Constraint, withField: false));
    }

    [Fact]
    public async Task NothingGiven_TakesTheModelsDefaultsAndTheRestOfTheContext()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        await client.CallAsync(GenerateTests.Generate, new GenerateRequest { Text = "x" });

        var request = daemon.Engine.Requests.Single().Request;
        Assert.Equal((null, null, null, null, null, 1), (request.MaxTokens, request.Temperature, request.Seed, request.TopLogprobs, request.Timeout, request.Choices));
        Assert.Equal(FakeEngine.Model, request.Model);
    }

    [Fact]
    public async Task PromptSchema_ModulesAndArguments_ComeToTheSameRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        await daemon.PostAsync("/v1/chat/completions", """
            {"prompt_schema":"trip","messages":[{"role":"user","content":[{"type":"prompt_module","name":"miami","arguments":{"days":"two"}},{"type":"text","text":"x"}]}]}
            """);

        await client.CallAsync(GenerateTests.Generate, new GenerateRequest
        {
            PromptSchema = "trip",
            Chat = new Chat
            {
                Messages = { new ChatMessage { Role = "user", Parts = { new ContentPart { PromptModule = new PromptModule { Name = "miami", Arguments = { ["days"] = "two" } } }, new ContentPart { Text = "x" } } } },
            },
        });

        var (first, second) = (daemon.Engine.Requests.First().Request, daemon.Engine.Requests.Last().Request);
        AssertSame(first, second with { TopLogprobsField = first.TopLogprobsField });
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Wrong_Requests_NameTheField(string name)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var (request, code, field) = Cases[name];

        var answer = await client.CallAsync(GenerateTests.Generate, request);

        Assert.Equal((code, field), (answer.Code, answer.Field));
        Assert.Empty(daemon.Engine.Requests);
    }

    public static TheoryData<string> Wrong() => [.. Cases.Keys];

    private static readonly Dictionary<string, (GenerateRequest Request, GrpcStatusCode Code, string Field)> Cases = new()
    {
        ["no prompt"] = (new GenerateRequest(), GrpcStatusCode.InvalidArgument, "prompt"),
        ["no messages"] = (new GenerateRequest { Chat = new Chat() }, GrpcStatusCode.InvalidArgument, "messages"),
        ["no role"] = (Chat(new ChatMessage { Content = "x" }), GrpcStatusCode.InvalidArgument, "messages[0].role"),
        ["no content"] = (Chat(new ChatMessage { Role = "user" }), GrpcStatusCode.InvalidArgument, "messages[0].content"),
        ["content and parts"] = (Chat(new ChatMessage { Role = "user", Content = "x", Parts = { new ContentPart { Text = "y" } } }), GrpcStatusCode.InvalidArgument, "messages[0].parts"),
        ["empty part"] = (Chat(new ChatMessage { Role = "user", Parts = { new ContentPart() } }), GrpcStatusCode.InvalidArgument, "messages[0].parts"),
        ["module without schema"] = (Chat(new ChatMessage { Role = "user", Parts = { new ContentPart { PromptModule = new PromptModule { Name = "a" } } } }), GrpcStatusCode.InvalidArgument, "messages[0].content"),
        ["echo in a chat"] = (With(request => request.Echo = true), GrpcStatusCode.Unimplemented, "echo"),
        ["tool choice"] = (With(request => request.Chat.ToolChoice = (ToolChoice)7), GrpcStatusCode.Unimplemented, "tool_choice"),
        ["schema is not JSON"] = (With(request => request.JsonSchema = "{"), GrpcStatusCode.InvalidArgument, "json_schema"),
        ["regex is long"] = (With(request => request.Regex = new string('a', RequestLimits.ConstraintCharacters + 1)), GrpcStatusCode.InvalidArgument, "regex"),
        ["no choices"] = (With(request => request.Choice = new TextChoices()), GrpcStatusCode.InvalidArgument, "choice"),
        ["constraint and ignore_eos"] = (With(request => (request.JsonObject, request.IgnoreEos) = (true, true)), GrpcStatusCode.InvalidArgument, "ignore_eos"),
        ["tool choice without tools"] = (With(request => request.Chat.ToolChoice = ToolChoice.Required), GrpcStatusCode.InvalidArgument, "tool_choice"),
        ["tool choice without function"] = (With(request => request.Chat.ToolChoice = ToolChoice.Function), GrpcStatusCode.InvalidArgument, "tool_choice_function"),
        ["function without tool choice"] = (With(request => request.Chat.ToolChoiceFunction = "f"), GrpcStatusCode.InvalidArgument, "tool_choice_function"),
        ["tool's name"] = (With(request => request.Chat.Tools.Add(new Tool { Name = "f g" })), GrpcStatusCode.InvalidArgument, "tools[0].function.name"),
        ["tool's schema"] = (With(request => request.Chat.Tools.Add(new Tool { Name = "f", ParametersJson = "{" })), GrpcStatusCode.InvalidArgument, "tools[0].parameters_json"),
        ["tool's schema is a list"] = (With(request => request.Chat.Tools.Add(new Tool { Name = "f", ParametersJson = "[]" })), GrpcStatusCode.InvalidArgument, "tools[0].parameters_json"),
        ["tool's schema has half a character"] = (With(request => request.Chat.Tools.Add(new Tool { Name = "f", ParametersJson = """{"a":"\ud800"}""" })), GrpcStatusCode.InvalidArgument, "tools"),
        ["too many tools"] = (With(request => request.Chat.Tools.AddRange(Enumerable.Repeat(new Tool { Name = "f" }, 129))), GrpcStatusCode.InvalidArgument, "tools"),
        ["not a number"] = (With(request => request.Chat.ChatTemplateKwargs["a"] = Value.ForNumber(double.NaN)), GrpcStatusCode.InvalidArgument, "chat_template_kwargs"),
        ["no value"] = (With(request => request.Chat.ChatTemplateKwargs["a"] = new Value()), GrpcStatusCode.InvalidArgument, "chat_template_kwargs"),
        ["temperature"] = (With(request => request.Temperature = float.NaN), GrpcStatusCode.InvalidArgument, "temperature"),
        ["max_tokens"] = (With(request => request.MaxTokens = -1), GrpcStatusCode.InvalidArgument, "max_tokens"),
        ["n"] = (With(request => request.N = 0), GrpcStatusCode.InvalidArgument, "n"),
        ["logprobs"] = (With(request => request.Logprobs = 21), GrpcStatusCode.InvalidArgument, "logprobs"),
        ["logit_bias"] = (With(request => request.LogitBias[-1] = 1), GrpcStatusCode.InvalidArgument, "logit_bias"),
        ["stop"] = (With(request => request.Stop.Add("")), GrpcStatusCode.InvalidArgument, "stop"),
        ["min_tokens"] = (With(request => (request.MaxTokens, request.MinTokens) = (3, 4)), GrpcStatusCode.InvalidArgument, "min_tokens"),
        ["min_tokens below 0"] = (With(request => request.MinTokens = -1), GrpcStatusCode.InvalidArgument, "min_tokens"),
        ["bad_words of white space"] = (With(request => request.BadWords.Add(" \n")), GrpcStatusCode.InvalidArgument, "bad_words"),
        ["a long bad word"] = (With(request => request.BadWords.Add(new string('x', RequestLimits.BadWordLength + 1))), GrpcStatusCode.InvalidArgument, "bad_words"),
        ["too many bad_words"] = (With(request => request.BadWords.AddRange(Enumerable.Repeat("x", RequestLimits.BadWords + 1))), GrpcStatusCode.InvalidArgument, "bad_words"),
        ["allowed_token_ids"] = (With(request => request.AllowedTokenIds.Add(-1)), GrpcStatusCode.InvalidArgument, "allowed_token_ids"),
        ["user"] = (With(request => request.User = new string('u', 513)), GrpcStatusCode.InvalidArgument, "user"),
        ["model"] = (With(request => request.Model = "nobody"), GrpcStatusCode.NotFound, "model"),
    };

    [Fact]
    public async Task Tools_ChoiceNone_AreNotShown()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        var request = With(request => request.Chat.Tools.Add(new Tool { Name = "f" }));
        request.Chat.ToolChoice = ToolChoice.None;

        await client.CallAsync(GenerateTests.Generate, request);

        Assert.Null(((ChatPrompt)daemon.Engine.Requests.Single().Request.Prompt).ShownTools);
    }

    private static GenerateRequest Chat(params ChatMessage[] messages) => new() { Chat = new Chat { Messages = { messages } } };

    private static GenerateRequest With(Action<GenerateRequest> change)
    {
        var request = GenerateTests.Hello;
        change(request);
        return request;
    }

    private static void AssertSame(GenerationRequest expected, GenerationRequest actual)
    {
        Assert.Equal(expected.Prompt.GetType(), actual.Prompt.GetType());
        foreach (var property in typeof(GenerationRequest).GetProperties().Where(property => property.Name is not nameof(GenerationRequest.Id)))
        {
            Assert.Equal(Written(property.GetValue(expected)), Written(property.GetValue(actual)));
        }
    }

    private static string Written(object? value) => value is null ? "null" : JsonSerializer.Serialize(value, value.GetType());
}
