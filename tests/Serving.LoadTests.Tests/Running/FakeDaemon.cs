using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Serving.LoadTests.Tests.Running;

/// <summary>A server of the OpenAI API in this process that answers as a test wants: a token an event, errors, streams that break off, gates that hold answers back.</summary>
internal sealed class FakeDaemon : IAsyncDisposable
{
    private readonly WebApplication _application;
    private int _requests;
    private int _aborted;

    private FakeDaemon(WebApplication application) => _application = application;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_application.Urls.Single());

    /// <summary>Requests for answers so far.</summary>
    public int Requests => _requests;

    /// <summary>Requests whose client went away.</summary>
    public int Aborted => _aborted;

    /// <summary>Bodies of all requests for answers.</summary>
    public List<JsonElement> Bodies { get; } = [];

    /// <summary>What happens to a request, by its number from 1: nothing (200), a status, or 0 for a stream that breaks off after a token.</summary>
    public Func<int, int> Fate { get; init; } = _ => 200;

    /// <summary>What an answer waits for after its first token.</summary>
    public Task Gate { get; init; } = Task.CompletedTask;

    /// <summary>Pages that /metrics says sequences hold, for ever; null: it says nothing of pages, as other servers do.</summary>
    public int? LeakedPages { get; init; }

    /// <summary>Starts one that behaves in its own way.</summary>
    public static async Task<FakeDaemon> StartAsync(Func<int, int>? fate = null, Task? gate = null, int? leakedPages = 0)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRouting();
        var daemon = new FakeDaemon(builder.Build()) { Fate = fate ?? (_ => 200), Gate = gate ?? Task.CompletedTask, LeakedPages = leakedPages };
        daemon.Map();
        await daemon._application.StartAsync();
        return daemon;
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    private void Map()
    {
        _application.MapGet("/v1/models", () => Results.Text("""{"data":[{"id":"base","parent":null},{"id":"b","parent":"base"},{"id":"a","parent":"base"}]}""", "application/json"));
        _application.MapPost("/tokenize", () => Results.Text("""{"count":5,"tokens":[7,8,9,7,10]}""", "application/json"));
        _application.MapGet("/metrics", () => Results.Text(Metrics()));
        _application.MapPost("/v1/completions", AnswerAsync);
    }

    private string Metrics()
    {
        var pages = LeakedPages is { } leaked ? $"serving_pages{{state=\"sequence\"}} {leaked}\nserving_pages{{state=\"free\"}} 90\nvllm:cache_config_info{{num_gpu_blocks=\"90\"}} 1\n" : "";
        return string.Create(CultureInfo.InvariantCulture, $"vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n{pages}serving_steps_total {_requests}\n");
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        var (number, prompt, tokens) = (Interlocked.Increment(ref _requests), body.RootElement.GetProperty("prompt").GetArrayLength(), body.RootElement.GetProperty("max_tokens").GetInt32());
        lock (Bodies)
        {
            Bodies.Add(body.RootElement.Clone());
        }

        var fate = Fate(number);
        if (fate is not (200 or 0))
        {
            context.Response.StatusCode = fate;
            await context.Response.WriteAsync("""{"error":{"message":"no","type":"t","code":"full"}}""");
            return;
        }

        context.Response.ContentType = "text/event-stream";
        try
        {
            for (var token = 1; token <= tokens; token++)
            {
                var usage = $"\"prompt_tokens\":{prompt},\"completion_tokens\":{token},\"prompt_tokens_details\":{{\"cached_tokens\":1}}";
                await SendAsync(context, $"{{\"choices\":[{{\"text\":\"x\"}}],\"usage\":{{{usage}}}}}");
                if (fate == 0)
                {
                    context.Abort();
                    return;
                }

                await Gate.WaitAsync(context.RequestAborted);
            }

            await SendAsync(context, "[DONE]");
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _aborted);
        }
    }

    private static async Task SendAsync(HttpContext context, string data)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {data}\n\n"), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }
}
