using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Configuration;
using Serving.Server.Metering;
using Serving.Server.Tests.Fakes;
using Serving.Server.Tests.Grpc;
using Serving.Testing;
using FinishReason = Serving.Core.Requests.FinishReason;

namespace Serving.Server.Tests.Metering;

/// <summary>What stands in the ledger of a daemon: what its clients were sent, and no more.</summary>
public sealed class UsageRecordsTests : IDisposable
{
    private const string Chat = "/v1/chat/completions";
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Answers_WholeAndStreamed_AreRecordedAsUsageSays()
    {
        var records = await RecordAsync(async daemon =>
        {
            foreach (var body in new[] { $"{{{Hi},\"n\":2}}", $"{{{Hi},\"model\":\"pirate\",\"stream\":true,\"stream_options\":{{\"include_usage\":true}}}}" })
            {
                Assert.Equal(200, (await daemon.PostAsync(Chat, body)).Code);
            }

            Assert.Equal(200, (await daemon.PostAsync("/v1/completions", """{"prompt":["x","y"]}""")).Code);
            using var client = daemon.Grpc();
            (await client.CallAsync("serving.v1.InferenceService/Generate", GenerateTests.Hello, ("x-request-id", "mine"))).Single<GenerateResponse>();
            foreach (var stream in new[] { "false", "true" })
            {
                Assert.Equal(200, (await daemon.PostAsync("/v1/messages", $"{{{Hi},\"max_tokens\":5,\"stream\":{stream}}}")).Code);
            }
        });

        Assert.Equal(
            [("base", 3, 4, 2, "http"), ("pirate", 3, 2, 2, "http"), ("base", 6, 4, 4, "http"), ("base", 3, 2, 2, "grpc"), ("base", 3, 2, 2, "http"), ("base", 3, 2, 2, "http")],
            records.Select(record => (record.Model, record.PromptTokens, record.CompletionTokens, record.CachedTokens, record.Protocol)));
        Assert.All(records, record => Assert.Equal(("completed", "anonymous"), (record.Outcome, record.Tenant)));
        Assert.Equal([2, 1, 2, 1, 1, 1], records.Select(record => record.FinishReasons!["stop"]));
        Assert.Equal([Chat, Chat, "/v1/completions", "/serving.v1.InferenceService/Generate", "/v1/messages", "/v1/messages"], records.Select(record => record.Endpoint));
        Assert.Equal("mine", records[3].Id);
        Assert.All(records, record => Assert.True(record.DurationMs >= record.FirstTokenMs));
    }

    [Fact]
    public async Task Answers_WithCallsAndThoughts_SaySo()
    {
        var records = await RecordAsync(async daemon =>
        {
            daemon.Engine.Script = request =>
            {
                request.Send(new GenerationEvent { Choice = 0, Reasoning = "hm", Tokens = [7, 7] });
                request.Send(new GenerationEvent { Choice = 0, Text = "x", Tokens = [7], FinishReason = FinishReason.Stop, CallsTools = request.Request.TopLogprobs is null });
                request.End();
            };
            Assert.Equal(200, (await daemon.PostAsync(Chat, $"{{{Hi}}}")).Code);
            Assert.Equal(200, (await daemon.PostAsync(Chat, $"{{{Hi},\"logprobs\":true,\"stream\":true}}")).Code);
        });

        Assert.Equal([("tool_calls", 3, 2), ("stop", 3, 2)], records.Select(record => (record.FinishReasons!.Single().Key, record.CompletionTokens, record.ReasoningTokens ?? 0)));
    }

    /// <summary>Their requests are long over when they end: what is recorded of them was read before. Others come over the same connection.</summary>
    [Fact]
    public async Task Responses_InTheBackground_AreRecordedAsTheyEnded()
    {
        const string Body = """{"input":"x","model":"pirate","background":true}""";
        var records = await RecordAsync(async daemon =>
        {
            daemon.Engine.Script = static _ => { };
            daemon.Client.DefaultRequestHeaders.Add("x-request-id", "mine");
            var ids = new[] { await daemon.PostAsync("/v1/responses", Body), await daemon.PostAsync("/v1/responses", Body) }.Select(answer => answer.Json.GetProperty("id").GetString()).ToList();
            daemon.Client.DefaultRequestHeaders.Remove("x-request-id");
            await daemon.GetAsync("/v1/models");
            await daemon.SendAsync(HttpMethod.Post, $"/v1/responses/{ids[1]}/cancel");
            daemon.Engine.Requests.First().Say(["a", "b"]);
            await daemon.AskUntilAsync(ids[0]!, static status => status == "completed");
        });

        Assert.Equal(
            [("cancelled", "mine", 0), ("completed", "mine", 2)],
            records.OrderBy(record => record.Outcome, StringComparer.Ordinal).Select(record => (record.Outcome, record.Id, record.CompletionTokens)));
        Assert.All(records, record => Assert.Equal(("pirate", "anonymous", "http", "/v1/responses"), (record.Model, record.Tenant, record.Protocol, record.Endpoint)));
    }

    [Fact]
    public async Task Embeddings_OfManyInputs_AreOneRecord()
    {
        var records = await RecordAsync(async daemon =>
        {
            Assert.Equal(200, (await daemon.PostAsync("/v1/embeddings", $$"""{"input":[{{string.Join(',', Enumerable.Repeat("\"x\"", 40))}}]}""")).Code);
            Assert.Equal(400, (await daemon.PostAsync("/v1/embeddings", """{"input":["x",""]}""")).Code);
            Assert.Equal(200, (await daemon.PostAsync("/v1/rerank", """{"query":"x","documents":["y","z"]}""")).Code);
        });

        Assert.Equal([(120, 0, 80, "completed"), (3, 0, 2, "invalid_request"), (9, 0, 6, "completed")], records.Select(record => (record.PromptTokens, record.CompletionTokens, record.CachedTokens, record.Outcome)));
        Assert.Equal(["/v1/embeddings", "/v1/embeddings", "/v1/rerank"], records.Select(record => record.Endpoint));
        Assert.All(records, record => Assert.Null(record.FinishReasons));
    }

    [Fact]
    public async Task Stream_ClientGoesAway_CountsWhatItWasSent()
    {
        var records = await RecordAsync(async daemon =>
        {
            daemon.Engine.Script = request => Say(request, 2);
            using var message = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = new StringContent($"{{{Hi},\"stream\":true}}", System.Text.Encoding.UTF8, "application/json") };
            using (var response = await daemon.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead))
            {
                using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
                for (var seen = 0; seen < 2;)
                {
                    seen += (await reader.ReadLineAsync())!.Contains("\"w\"", StringComparison.Ordinal) ? 1 : 0;
                }
            }

            await daemon.Engine.Requests.Single().Cancelled;
        });

        Assert.Equal(("cancelled", 3, 2), (records.Single().Outcome, records.Single().PromptTokens, records.Single().CompletionTokens));
        Assert.Null(records.Single().FinishReasons);
    }

    [Fact]
    public async Task Whole_ClientGoesAwayBeforeTheAnswer_WasSentNothing()
    {
        var records = await RecordAsync(async daemon =>
        {
            daemon.Engine.Script = request => Say(request, 5);
            using var gone = new CancellationTokenSource();
            using var body = new StringContent($"{{{Hi}}}", System.Text.Encoding.UTF8, "application/json");
            var post = daemon.Client.PostAsync(Chat, body, gone.Token);
            while (daemon.Engine.Requests.IsEmpty)
            {
                await Task.Yield();
            }

            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => post);
            await daemon.Engine.Requests.Single().Cancelled;
        });

        Assert.Equal(("cancelled", 3, 0), (records.Single().Outcome, records.Single().PromptTokens, records.Single().CompletionTokens));
    }

    [Fact]
    public async Task Stream_EngineFails_NamesTheFailure()
    {
        var records = await RecordAsync(async daemon =>
        {
            daemon.Engine.Script = request =>
            {
                Say(request, 3);
                request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = Failures.Of(RequestError.DeadlineExceeded) });
                request.End();
            };
            await daemon.PostAsync(Chat, $"{{{Hi},\"stream\":true}}");
        });

        Assert.Equal(("deadline_exceeded", 3), (records.Single().Outcome, records.Single().CompletionTokens));
    }

    [Fact]
    public async Task Refused_IsNotRecorded()
    {
        Assert.Empty(await RecordAsync(async daemon =>
        {
            daemon.Engine.Refusal = Failures.Of(RequestError.QueueFull);
            await daemon.PostAsync(Chat, $"{{{Hi}}}");
            await daemon.PostAsync(Chat, "{");
        }));
    }

    [Fact]
    public async Task Metrics_CountWrittenAndLostRecords()
    {
        Repository.RequiresHardware(File.Exists("/dev/full"), "there is no /dev/full");
        var options = new ServingOptions();
        options.Usage.File = _folder.PathOf("full.jsonl");
        File.CreateSymbolicLink(options.Usage.File, "/dev/full");
        await using var daemon = await TestDaemon.StartAsync(options);

        Assert.Equal(200, (await daemon.PostAsync(Chat, $"{{{Hi}}}")).Code);

        while (!(await daemon.GetAsync("/metrics")).Text.Contains("serving_usage_records_lost_total{} 1", StringComparison.Ordinal))
        {
            await Task.Yield();
        }
    }

    private static void Say(FakeRequest request, int words)
    {
        for (var i = 0; i < words; i++)
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "w", Tokens = [7] });
        }
    }

    private async Task<List<UsageRecord>> RecordAsync(Func<TestDaemon, Task> use)
    {
        var options = new ServingOptions();
        options.Usage.File = _folder.PathOf("usage.jsonl");
        await using (var daemon = await TestDaemon.StartAsync(options))
        {
            await use(daemon);
        }

        return File.Exists(options.Usage.File) ? Records.Read(options.Usage.File).Records : [];
    }
}
