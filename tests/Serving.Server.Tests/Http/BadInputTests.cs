using System.Text;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class BadInputTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Tool = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]";
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    [Theory]
    [InlineData("", null)]
    [InlineData("{", null)]
    [InlineData("null", null)]
    [InlineData("[]", null)]
    [InlineData("\"x\"", null)]
    [InlineData("{\"model\":1}", "model")]
    [InlineData("{\"messages\":\"x\"}", "messages")]
    [InlineData("{}", "messages")]
    [InlineData("{\"messages\":[]}", "messages")]
    [InlineData("{\"messages\":[1]}", "messages[0]")]
    [InlineData("{\"messages\":[{\"content\":\"x\"}]}", "messages[0].role")]
    [InlineData("{\"messages\":[{\"role\":\"boss\",\"content\":\"x\"}]}", "messages[0].role")]
    [InlineData("{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}", "messages")]
    [InlineData("{HI,\"max_tokens\":\"5\"}", "max_tokens")]
    [InlineData("{HI,\"max_tokens\":1.5}", "max_tokens")]
    [InlineData("{HI,\"max_tokens\":99999999999}", "max_tokens")]
    [InlineData("{HI,\"max_tokens\":0}", "max_tokens")]
    [InlineData("{HI,\"max_completion_tokens\":-1}", "max_completion_tokens")]
    [InlineData("{HI,\"temperature\":2.5}", "temperature")]
    [InlineData("{HI,\"temperature\":1e400}", "temperature")]
    [InlineData("{HI,\"temperature\":\"hot\"}", "temperature")]
    [InlineData("{HI,\"temperature\":NaN}", null)]
    [InlineData("{HI,\"top_p\":0}", "top_p")]
    [InlineData("{HI,\"n\":9}", "n")]
    [InlineData("{HI,\"n\":2147483648}", "n")]
    [InlineData("{HI,\"seed\":1e30}", "seed")]
    [InlineData("{HI,\"stop\":[1]}", "stop")]
    [InlineData("{HI,\"stop\":[\"a\",\"\"]}", "stop")]
    [InlineData("{HI,\"stop_token_ids\":[\"x\"]}", "stop_token_ids[0]")]
    [InlineData("{HI,\"stop_token_ids\":[1000]}", "stop_token_ids")]
    [InlineData("{HI,\"logit_bias\":{\"x\":1}}", "logit_bias")]
    [InlineData("{HI,\"logit_bias\":{\"1\":\"x\"}}", "logit_bias.1")]
    [InlineData("{HI,\"logit_bias\":{\"1\":1,\"01\":1}}", "logit_bias")]
    [InlineData("{HI,\"logit_bias\":{\"1\":101}}", "logit_bias")]
    [InlineData("{HI,\"logprobs\":1}", "logprobs")]
    [InlineData("{HI,\"top_logprobs\":1}", "top_logprobs")]
    [InlineData("{HI,\"logprobs\":true,\"top_logprobs\":1000}", "top_logprobs")]
    [InlineData("{HI,\"stream\":\"yes\"}", "stream")]
    [InlineData("{HI,\"stream_options\":{}}", "stream_options")]
    [InlineData("{HI,\"stream\":true,\"stream_options\":{\"include_usage\":1}}", "stream_options.include_usage")]
    [InlineData("{HI,\"tools\":{}}", "tools")]
    [InlineData("{HI,\"tools\":[]}", "tools")]
    [InlineData("{HI,\"tools\":[1]}", "tools[0]")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\"}]}", "tools[0].function")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\",\"function\":{}}]}", "tools[0].function.name")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\\n\"}}]}", "tools[0].function.name")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}]}", "tools[0].function.parameters")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":1}}]}", "tools[0].function.description")]
    [InlineData("{HI,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":1}}]}", "tools[0].function.strict")]
    [InlineData("{HI," + Tool + ",\"tool_choice\":\"sometimes\"}", "tool_choice")]
    [InlineData("{HI," + Tool + ",\"tool_choice\":\"\\ud800\"}", "tool_choice")]
    [InlineData("{HI," + Tool + ",\"tool_choice\":1}", "tool_choice")]
    [InlineData("{HI," + Tool + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}}", "tool_choice")]
    [InlineData("{HI," + Tool + ",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}", "tool_choice")]
    [InlineData("{HI," + Tool + ",\"parallel_tool_calls\":\"no\"}", "parallel_tool_calls")]
    [InlineData("{HI,\"tool_choice\":\"required\"}", "tool_choice")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[]}]}", "messages[0].content")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\"}]}]}", "messages[0].tool_calls")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":1,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}]}", "messages[0].tool_calls")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":[]}}]}]}", "messages[0].tool_calls")]
    [InlineData("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\",\"tool_call_id\":1}]}", "messages[0].tool_call_id")]
    [InlineData("{HI,\"max_tokens\":3,\"min_tokens\":4}", "min_tokens")]
    [InlineData("{HI,\"min_tokens\":-1}", "min_tokens")]
    [InlineData("{HI,\"min_tokens\":\"2\"}", "min_tokens")]
    [InlineData("{HI,\"bad_words\":\"x\"}", "bad_words")]
    [InlineData("{HI,\"bad_words\":[null]}", "bad_words")]
    [InlineData("{HI,\"bad_words\":[\"x\",\"\"]}", "bad_words")]
    [InlineData("{HI,\"allowed_token_ids\":[]}", "allowed_token_ids")]
    [InlineData("{HI,\"allowed_token_ids\":[1,1000]}", "allowed_token_ids")]
    [InlineData("{HI,\"n\":1,\"n\":2}", null)]
    public async Task Chat_MalformedOrOutOfRange_Is400NamingTheField(string body, string? field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, body.Replace("HI", Hi, StringComparison.Ordinal));

        Assert.Equal(400, answer.Code);
        Assert.Equal(field, answer.Param);
        Assert.Equal("BadRequestError", answer.Error.GetProperty("type").GetString());
        Assert.Equal(400, answer.Error.GetProperty("code").GetInt32());
        Assert.DoesNotContain("System.", answer.Text, StringComparison.Ordinal);
        Assert.Empty(daemon.Engine.Requests);
        Assert.Empty(daemon.Errors);
    }

    [Theory]
    [InlineData("{}", "prompt")]
    [InlineData("{\"prompt\":[]}", "prompt")]
    [InlineData("{\"prompt\":\"\"}", "prompt")]
    [InlineData("{\"prompt\":[[]]}", "prompt")]
    [InlineData("{\"prompt\":[1,\"a\"]}", "prompt")]
    [InlineData("{\"prompt\":[\"a\",1]}", "prompt")]
    [InlineData("{\"prompt\":[[1],2]}", "prompt")]
    [InlineData("{\"prompt\":[true]}", "prompt")]
    [InlineData("{\"prompt\":{}}", "prompt")]
    [InlineData("{\"prompt\":[1.5]}", "prompt")]
    [InlineData("{\"prompt\":\"a\",\"logprobs\":true}", "logprobs")]
    [InlineData("{\"prompt\":\"a\",\"logprobs\":-1}", "logprobs")]
    public async Task Completions_MalformedPrompt_Is400NamingTheField(string body, string field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/v1/completions", body);

        Assert.Equal((400, field), (answer.Code, answer.Param));
    }

    [Theory]
    [InlineData("\"max_completion_tokens\":100", "max_completion_tokens")]
    [InlineData("\"top_logprobs\":2", "top_logprobs")]
    [InlineData(Tool, "tools")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    public async Task Completions_FieldsOfAChat_Are400SayingSo(string field, string name)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/v1/completions", $$"""{"prompt":"a",{{field}}}""");

        Assert.Equal((400, name), (answer.Code, answer.Param));
        Assert.Contains("is not supported", answer.Message, StringComparison.Ordinal);
        Assert.Equal(200, (await daemon.PostAsync("/v1/completions", """{"prompt":"a","tools":[],"tool_choice":"none","top_logprobs":null,"max_completion_tokens":null}""")).Code);
    }

    [Theory]
    [InlineData("function_call", "{\"name\":\"f\",\"arguments\":\"{}\"}")]
    [InlineData("audio", "{\"id\":\"a\"}")]
    public async Task Chat_EarlierMessageWithWhatIsNotDone_Is400SayingSo(string name, string value)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var body = $$"""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","{{name}}":VALUE},{"role":"user","content":"c"}]}""";

        var answer = await daemon.PostAsync(Chat, body.Replace("VALUE", value, StringComparison.Ordinal));

        Assert.Equal((400, $"messages[1].{name}"), (answer.Code, answer.Param));
        Assert.Equal(200, (await daemon.PostAsync(Chat, body.Replace("VALUE", "null", StringComparison.Ordinal))).Code);
    }

    [Theory]
    [InlineData(32, 128, true)]
    [InlineData(33, 1, false)]
    [InlineData(32, 129, false)]
    public async Task Chat_StopStrings_AreTakenUpToTheirNumberAndLengthTogether(int count, int length, bool isTaken)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var stops = Enumerable.Range(0, count).Select(i => $"\"{new string((char)('A' + i), length)}\"".Replace("\\", "x", StringComparison.Ordinal));

        var answer = await daemon.PostAsync(Chat, $"{{{Hi},\"stop\":[{string.Join(',', stops)}]}}");

        Assert.Equal(isTaken ? (200, null) : (400, "stop"), (answer.Code, isTaken ? null : answer.Param));
    }

    [Fact]
    public async Task Completions_TooManyPrompts_Is400()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync("/v1/completions", $$"""{"prompt":[{{string.Join(',', Enumerable.Repeat("\"a\"", 33))}}]}""");

        Assert.Equal((400, "prompt"), (answer.Code, answer.Param));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Theory]
    [InlineData(Tool + ",\"tool_choice\":{\"type\":\"allowed_tools\"}", "tool_choice")]
    [InlineData("\"tools\":[{\"type\":\"retrieval\"}]", "tools[0].type")]
    [InlineData("\"functions\":[{\"name\":\"f\"}]", "functions")]
    [InlineData("\"function_call\":{\"name\":\"f\"}", "function_call")]
    [InlineData("\"audio\":{}", "audio")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"modalities\":[\"\\ud800\"]", "modalities")]
    [InlineData("\"best_of\":2", "best_of")]
    [InlineData("\"prompt_logprobs\":1,\"stream\":true", "prompt_logprobs")]
    [InlineData("\"suffix\":\"x\"", "suffix")]
    [InlineData("\"use_beam_search\":true", "use_beam_search")]
    [InlineData("\"cache_salt\":\"x\"", "cache_salt")]
    [InlineData("\"echo\":true", "echo")]
    [InlineData("\"prompt\":\"x\"", "prompt")]
    [InlineData("\"max_output_tokens\":5", "max_output_tokens")]
    public async Task Chat_KnownAndNotDone_Is400SayingSo(string field, string name)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, $"{{{Hi},{field}}}");

        Assert.Equal((400, name), (answer.Code, answer.Param));
        Assert.Contains("is not supported", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("image_url")]
    [InlineData("input_audio")]
    public async Task Chat_PartsOtherThanText_Are400(string type)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, $$"""{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"{{type}}"}]}]}""");

        Assert.Equal((400, "messages[0].content"), (answer.Code, answer.Param));
        Assert.Contains("is not supported", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_FieldsThatAskForNothingOrThatNobodyKnows_AreAcceptedAndCounted()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, $$"""
            { {{Hi}},"response_format":{"type":"text"},"tool_choice":null,"functions":[],"modalities":["text"],"best_of":1,"prompt_logprobs":null,"suffix":"",
            "store":false,"metadata":{"a":"b"},"frobnicate":1,"x_custom":{"deep":[1,2]} }
            """);

        Assert.Equal(200, answer.Code);
        var counters = (Server.Telemetry.RequestCounters)daemon.App.Services.GetService(typeof(Server.Telemetry.RequestCounters))!;
        Assert.Equal(2, counters.UnknownFields);
    }

    [Theory]
    [InlineData(RequestError.ModelNotFound, 404, "NotFoundError", false)]
    [InlineData(RequestError.ContextTooLong, 400, "BadRequestError", false)]
    [InlineData(RequestError.AdapterInvalid, 422, "UnprocessableEntityError", false)]
    [InlineData(RequestError.ConstraintUnsatisfiable, 422, "UnprocessableEntityError", false)]
    [InlineData(RequestError.AdapterUnavailable, 503, "ServiceUnavailableError", true)]
    [InlineData(RequestError.Forbidden, 403, "PermissionDeniedError", false)]
    [InlineData(RequestError.TenantLimit, 429, "RateLimitError", true)]
    [InlineData(RequestError.ExceedsTenantLimit, 400, "BadRequestError", false)]
    [InlineData(RequestError.QueueFull, 429, "RateLimitError", true)]
    [InlineData(RequestError.Draining, 503, "ServiceUnavailableError", true)]
    [InlineData(RequestError.NotReady, 503, "ServiceUnavailableError", true)]
    [InlineData(RequestError.EngineFailed, 503, "ServiceUnavailableError", true)]
    [InlineData(RequestError.Internal, 500, "InternalServerError", false)]
    [InlineData(RequestError.DeadlineExceeded, 504, "TimeoutError", false)]
    public async Task Chat_EveryRefusal_HasItsStatusTypeAndRetryAfter(RequestError error, int status, string type, bool retry)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Refusal = new RequestFailure(error, "why", "model", TimeSpan.FromMilliseconds(6001.5));

        var answer = await daemon.PostAsync(Chat, $"{{{Hi}}}");

        Assert.Equal(status, answer.Code);
        Assert.Equal("{\"error\":{\"message\":\"why\",\"type\":\"" + type + "\",\"param\":\"model\",\"code\":" + status + "}}", answer.Text);
        Assert.Equal(retry ? ("7", "6002") : (null, null), (answer.Header("Retry-After"), answer.Header("Retry-After-Ms")));
    }

    [Fact]
    public async Task Chat_BodyOverTheLimit_Is413()
    {
        var options = new ServingOptions();
        options.Server.MaxBodySize = 2048;
        await using var daemon = await TestDaemon.StartAsync(options);

        var announced = await daemon.PostAsync(Chat, $$"""{"messages":[{"role":"user","content":"{{new string('a', 4096)}}"}]}""");

        Assert.Equal(413, announced.Code);
        Assert.Equal("RequestTooLargeError", announced.Error.GetProperty("type").GetString());
    }

    [Fact]
    public async Task Chat_TooDeep_Is400()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, $"{{{Hi},\"x\":{new string('[', 40)}{new string(']', 40)}}}");

        Assert.Equal(400, answer.Code);
    }

    [Fact]
    public async Task Chat_InvalidUtf8_Is400()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var content = new ByteArrayContent([.. Encoding.UTF8.GetBytes("{\"messages\":[{\"role\":\"user\",\"content\":\""), 0xff, .. "\"}]}"u8]);
        content.Headers.TryAddWithoutValidation("Content-Type", "application/json");

        using var response = await daemon.Client.PostAsync(Chat, content);

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Chat_ByteOrderMark_IsPassedOver()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Chat, $"\ufeff{{{Hi}}}");

        Assert.Equal(200, answer.Code);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("application/json", "gzip")]
    public async Task Chat_NoTypeOrCompressed_Is415(string? type, string? encoding)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes($"{{{Hi}}}"));
        content.Headers.TryAddWithoutValidation("Content-Type", type is null ? [] : [type]);
        content.Headers.TryAddWithoutValidation("Content-Encoding", encoding is null ? [] : [encoding]);

        using var response = await daemon.Client.PostAsync(Chat, content);

        Assert.Equal(System.Net.HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Contains("UnsupportedMediaTypeError", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Chat_NotJsonByName_Is415()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var content = new StringContent($"{{{Hi}}}", Encoding.UTF8, "text/plain");

        using var response = await daemon.Client.PostAsync(Chat, content);

        Assert.Equal(System.Net.HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Contains("UnsupportedMediaTypeError", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_BugInTheEngine_Is500WithoutItsWords()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Bug = new InvalidOperationException("secret /etc/passwd");

        var answer = await daemon.PostAsync(Chat, $"{{{Hi}}}");

        Assert.Equal(500, answer.Code);
        Assert.Equal("""{"error":{"message":"The request failed.","type":"InternalServerError","param":null,"code":500}}""", answer.Text);
        Assert.Contains("secret", Assert.Single(daemon.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/nothing", 404, "NotFoundError")]
    [InlineData("GET", "/v1/chat/completions", 405, "MethodNotAllowedError")]
    [InlineData("DELETE", "/v1/models/base", 405, "MethodNotAllowedError")]
    public async Task Send_NoSuchRouteOrMethod_HasABody(string method, string path, int status, string type)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.SendAsync(new HttpMethod(method), path);

        Assert.Equal((status, type), (answer.Code, answer.Error.GetProperty("type").GetString()));
    }
}
