using System.Buffers.Binary;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class EmbeddingsEndpointTests
{
    private const string Path = "/v1/embeddings";
    private const string Method = "serving.v1.InferenceService/Embed";

    [Fact]
    public async Task Post_Text_AnswersAsOpenAiDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"model":"pirate","input":"once","user":"me"}""");

        Assert.Equal(
            """{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.25,3E-08,2]}],"model":"pirate","usage":{"prompt_tokens":3,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}""",
            answer.Text);
        var request = Assert.Single(daemon.Engine.Requests).Request;
        Assert.Equal((new TextPrompt("once"), 0, new EmbeddingOptions(), "pirate"), (request.Prompt, request.MaxTokens, request.Embedding, request.Model));
    }

    [Theory]
    [InlineData("[\"a\",\"b\"]", 2)]
    [InlineData("[1,2,3]", 1)]
    [InlineData("[[1],[2,3]]", 2)]
    public async Task Post_EveryFormOfInput_IsOneRequestPerInput(string input, int count)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{"input":{{input}},"dimensions":2,"normalize":false,"priority":7}""");

        Assert.Equal(Enumerable.Range(0, count), answer.Json.GetProperty("data").EnumerateArray().Select(entry => entry.GetProperty("index").GetInt32()));
        Assert.All(answer.Json.GetProperty("data").EnumerateArray(), entry => Assert.Equal("[0.5,-1.25]", entry.GetProperty("embedding").GetRawText()));
        Assert.Equal(3 * count, answer.Json.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.All(daemon.Engine.Requests, accepted => Assert.Equal((new EmbeddingOptions(2, false), 7), (accepted.Request.Embedding, accepted.Request.Priority)));
        Assert.Equal(Enumerable.Range(0, count).Select(i => i > 0), daemon.Engine.Requests.Select(accepted => accepted.Request.IsPart));
    }

    [Fact]
    public async Task Post_Base64_IsTheBytesOfFloats()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"input":"x","encoding_format":"base64"}""");

        var bytes = answer.Json.GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64();
        Assert.Equal([0.5f, -1.25f, 3e-8f, 2f], Enumerable.Range(0, 4).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i))));
    }

    [Theory]
    [InlineData("{}", "input")]
    [InlineData("""{"input":[]}""", "input")]
    [InlineData("""{"input":""}""", "input")]
    [InlineData("""{"input":["a",""]}""", "input")]
    [InlineData("""{"input":[[]]}""", "input")]
    [InlineData("""{"input":[1,"a"]}""", "input")]
    [InlineData("""{"input":{}}""", "input")]
    [InlineData("""{"input":"a","dimensions":0}""", "dimensions")]
    [InlineData("""{"input":"a","dimensions":5}""", "dimensions")]
    [InlineData("""{"input":"a","encoding_format":"hex"}""", "encoding_format")]
    [InlineData("""{"input":"a","normalize":1}""", "normalize")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"input":"a"}""", "messages")]
    [InlineData("""{"messages":[]}""", "messages")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "messages[0].content")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"a":"\ud800"}}""", "chat_template_kwargs")]
    [InlineData("""{"input":"a","add_generation_prompt":true}""", "add_generation_prompt")]
    [InlineData("""{"input":"a","chat_template_kwargs":{}}""", "chat_template_kwargs")]
    [InlineData("""{"input":"a","truncate_prompt_tokens":0}""", "truncate_prompt_tokens")]
    [InlineData("""{"input":"a","truncate_prompt_tokens":5000}""", "truncate_prompt_tokens")]
    [InlineData("""{"input":"a","truncation_side":"middle"}""", "truncation_side")]
    [InlineData("""{"input":"a","embed_dtype":"float16"}""", "embed_dtype")]
    public async Task Post_WhatIsWrong_Is400NamingTheField(string body, string field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, body);

        Assert.Equal((400, field), (answer.Code, answer.Param));
        Assert.Equal(0, daemon.Engine.Running);
    }

    [Fact]
    public async Task Post_MessagesAndTruncation_ReachTheEngineTheSameOverBoth()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();

        var http = await daemon.PostAsync(Path, """{"messages":[{"role":"user","content":"hi"}],"chat_template_kwargs":{"a":1},"truncate_prompt_tokens":5,"truncation_side":"right"}""");
        var open = await daemon.PostAsync(Path, """{"messages":[{"role":"user","content":"hi"}],"add_generation_prompt":true,"truncate_prompt_tokens":-1}""");
        var message = new EmbedRequest { TruncatePromptTokens = 5, TruncationSide = "right" };
        message.Inputs.Add(new EmbeddingInput { Chat = new Chat { Messages = { new ChatMessage { Role = "user", Content = "hi" } } } });
        message.Inputs.Add(new EmbeddingInput { Chat = new Chat { Messages = { new ChatMessage { Role = "user", Content = "ho" } }, AddGenerationPrompt = true } });
        var grpc = await client.CallAsync(Method, message);

        Assert.Equal((200, 200, GrpcStatusCode.Ok), (http.Code, open.Code, grpc.Code));
        var requests = daemon.Engine.Requests.Select(accepted => accepted.Request).ToList();
        var chats = requests.Select(request => (ChatPrompt)request.Prompt).ToList();
        Assert.Equal([new PromptTruncation(5, true), new PromptTruncation(-1), new PromptTruncation(5, true), new PromptTruncation(5, true)], requests.Select(request => request.Truncation));
        Assert.Equal([false, true, false, true], chats.Select(chat => chat.AddGenerationPrompt));
        Assert.Equal(chats[0].Messages.GetRawText(), chats[2].Messages.GetRawText());
        Assert.Equal(1, chats[0].TemplateArguments!["a"].GetInt32());
        Assert.All(requests, request => Assert.Equal((0, new EmbeddingOptions()), (request.MaxTokens, request.Embedding)));
    }

    [Fact]
    public async Task Post_MoreInputsThanOpenAiTakes_Is400()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""{"input":[{{string.Join(',', Enumerable.Repeat("\"a\"", 2049))}}]}""");

        Assert.Equal((400, "input"), (answer.Code, answer.Param));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Post_ManyInputs_AreUnderWayAFewAtATimeAndAnsweredInOrder()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var (most, underWay, number) = (0, 0, 0);
        daemon.Engine.Script = request =>
        {
            // Counted until its answer is given: what comes next may be there before the engine has counted it as ended.
            most = Math.Max(most, Interlocked.Increment(ref underWay));
            var own = number++;
            Task.Run(() =>
            {
                Interlocked.Decrement(ref underWay);
                request.Embed([own, 0, 0, 0]);
            });
        };

        var answer = await daemon.PostAsync(Path, $$"""{"input":[{{string.Join(',', Enumerable.Repeat("\"a\"", 500))}}]}""");

        Assert.Equal(Enumerable.Range(0, 500), answer.Json.GetProperty("data").EnumerateArray().Select(entry => (int)entry.GetProperty("embedding")[0].GetSingle()));
        Assert.InRange(most, 1, 32);
    }

    /// <summary>A limit that frees itself makes inputs wait for those before them; one that does not, or that nothing is under way for, ends the request.</summary>
    [Theory]
    [InlineData(AdmissionVerdict.TenantLimit, TenantLimitKind.ConcurrentRequests, 200)]
    [InlineData(AdmissionVerdict.TenantLimit, TenantLimitKind.TokensInFlight, 200)]
    [InlineData(AdmissionVerdict.RateLimit, TenantLimitKind.TokensPerMinute, 429)]
    public async Task Post_LimitReachedMidway_WaitsIfItFreesItself(AdmissionVerdict verdict, TenantLimitKind limit, int code)
    {
        const int Inputs = 9;
        await using var daemon = await TestDaemon.StartAsync();
        var open = new List<FakeRequest>();
        void Finish() => open.ForEach(waiting => waiting.Embed([1, 0, 0, 0]));
        daemon.Engine.Script = request =>
        {
            open.Add(request);
            if (open.Count == Inputs)
            {
                Finish();
            }
            else if (open.Count % 3 == 0)
            {
                daemon.Engine.Refusal = Failures.OfLimit(new AdmissionDecision(verdict, limit, 1_000_000, 1, 1_000));
            }
        };
        daemon.Engine.OnRefused = () =>
        {
            daemon.Engine.Refusal = null;
            Finish();
        };
        var inputs = string.Join(',', Enumerable.Repeat("\"a\"", Inputs));

        var answer = await daemon.PostAsync(Path, $$"""{"input":[{{inputs}}]}""");

        Assert.Equal(code, answer.Code);
        Assert.Equal(code == 200 ? Inputs : 3, daemon.Engine.Requests.Count);
    }

    [Fact]
    public async Task Post_OneInputFails_EndsTheOthers()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var open = new List<FakeRequest>();
        daemon.Engine.Script = request =>
        {
            open.Add(request);
            if (open.Count == 3)
            {
                open[0].Send(new GenerationEvent { Choice = 0, FinishReason = Serving.Core.Requests.FinishReason.Failed, Failure = Failures.Of(RequestError.AdapterUnavailable) });
            }
        };

        var answer = await daemon.PostAsync(Path, """{"input":["a","b","c"]}""");

        Assert.Equal(ErrorMapper.Status(RequestError.AdapterUnavailable), answer.Code);
        await Task.WhenAll(open.Select(request => request.Cancelled)).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Embed_OverGrpc_AnswersAsOverHttp()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = daemon.Grpc();
        EmbeddingInput[] inputs = [new() { Text = "once" }, new() { TokenIds = new TokenIds { Ids = { 1, 2 } } }];

        var answer = (await client.CallAsync(Method, new EmbedRequest { Model = "pirate", Inputs = { inputs }, Dimensions = 3, Normalize = false })).Single<EmbedResponse>();
        var none = await client.CallAsync(Method, new EmbedRequest());
        var empty = await client.CallAsync(Method, new EmbedRequest { Inputs = { new EmbeddingInput() } });
        var wide = await client.CallAsync(Method, new EmbedRequest { Inputs = { inputs }, Dimensions = 9 });
        var unknown = await client.CallAsync(Method, new EmbedRequest { Inputs = { inputs }, Model = "nobody" });

        Assert.Equal(("pirate", 6, 6, 4), (answer.Model, answer.Usage.PromptTokens, answer.Usage.TotalTokens, answer.Usage.CachedTokens));
        Assert.Equal([[0.5f, -1.25f, 3e-8f], [0.5f, -1.25f, 3e-8f]], answer.Embeddings.Select(embedding => embedding.Elements.ToArray()));
        Assert.Equal([new TextPrompt("once"), null], daemon.Engine.Requests.Take(2).Select(accepted => accepted.Request.Prompt as TextPrompt));
        Assert.Equal((GrpcStatusCode.InvalidArgument, "inputs"), (none.Code, none.Field));
        Assert.Equal((GrpcStatusCode.InvalidArgument, "inputs"), (empty.Code, empty.Field));
        Assert.Equal((GrpcStatusCode.InvalidArgument, "dimensions"), (wide.Code, wide.Field));
        Assert.Equal((GrpcStatusCode.NotFound, "model"), (unknown.Code, unknown.Field));
    }
}
