using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Configuration;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;
using Spectre.Console;

namespace Serving.Server.Tests.Fakes;

/// <summary>The whole server on a free loopback port, with a scripted engine behind it.</summary>
internal sealed class TestDaemon : IAsyncDisposable, ILogEventSink
{
    private readonly FakeStarter _starter;
    private readonly List<LogEvent> _log = [];
    private readonly StringWriter _text = new();
    private readonly TextWriter _screen;

    private TestDaemon(ServingOptions options, bool started)
    {
        Options = options;

        // Tests read while the daemon writes; this writer's own lock keeps the text whole.
        _screen = TextWriter.Synchronized(_text);
        options.Server.Port = 0;
        options.Grpc.Port = 0;
        _starter = new FakeStarter(Engine);
        if (started)
        {
            _starter.Release.SetResult();
        }

        var errors = new List<string>();
        Tenants = TenantStore.Create(options.Tenancy, errors);
        Assert.Empty(errors);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_screen) });
        App = ServingApplication.Build(options, Tenants, _starter, console, new LoggerConfiguration().WriteTo.Sink(this).CreateLogger(), TimeProvider.System, handleSignals: false);
    }

    public ServingOptions Options { get; }

    public FakeEngine Engine { get; } = new();

    public TenantStore Tenants { get; }

    public WebApplication App { get; }

    public HttpClient Client { get; } = new();

    /// <summary>Where gRPC is served.</summary>
    public Uri GrpcAddress => App.Services.GetRequiredService<ListenAddresses>().Grpc!;

    /// <summary>What was written to the console.</summary>
    public string Screen
    {
        get
        {
            lock (_screen)
            {
                return _text.ToString();
            }
        }
    }

    public DrainCoordinator Drain => App.Services.GetRequiredService<DrainCoordinator>();

    /// <summary>Log entries that no test should cause.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_log)
            {
                return [.. _log.Where(entry => entry.Level >= LogEventLevel.Error).Select(entry => $"{entry.RenderMessage()} {entry.Exception}")];
            }
        }
    }

    /// <summary>Starts a daemon without keys, whose model is loaded.</summary>
    public static Task<TestDaemon> StartAsync() => StartAsync(new ServingOptions());

    /// <summary>Starts a daemon.</summary>
    public static async Task<TestDaemon> StartAsync(ServingOptions options, bool started = true)
    {
        var daemon = new TestDaemon(options, started);
        await daemon.App.StartAsync();
        daemon.Client.BaseAddress = new Uri(daemon.App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        if (started)
        {
            await daemon.LoadedAsync();
        }

        return daemon;
    }

    /// <summary>A client of its gRPC port; the caller's to dispose.</summary>
    public GrpcClient Grpc(string? key = null) => new(GrpcAddress, key);

    /// <summary>Lets the model be loaded.</summary>
    public Task LoadAsync()
    {
        _starter.Release.TrySetResult();
        return LoadedAsync();
    }

    /// <summary>Sends a request.</summary>
    public async Task<Answer> SendAsync(HttpMethod method, string path, string? body = null, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        }

        using var response = await Client.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response);
    }

    public Task<Answer> PostAsync(string path, string body, string? key = null) => SendAsync(HttpMethod.Post, path, body, key);

    public Task<Answer> GetAsync(string path, string? key = null) => SendAsync(HttpMethod.Get, path, null, key);

    /// <summary>Asks for a response as a client does that waits for it, until it has such a status; one that never has fails the test.</summary>
    public async Task<JsonElement> AskUntilAsync(string response, Func<string, bool> reached)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await GetAsync($"/v1/responses/{response}");
            Assert.Equal(200, answer.Code);
            var status = answer.Json.GetProperty("status").GetString()!;
            if (reached(status))
            {
                return answer.Json;
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(30), $"The response is {status} for 30 seconds.");
        }
    }

    public void Emit(LogEvent logEvent)
    {
        lock (_log)
        {
            _log.Add(logEvent);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
    }

    private async Task LoadedAsync()
    {
        var access = App.Services.GetRequiredService<EngineAccess>();
        while (access.Client is null)
        {
            await Task.Yield();
        }
    }

    private sealed class FakeStarter(FakeEngine engine) : IEngineStarter
    {
        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<StartedEngine> StartAsync(Engine.EngineOptions options, CancellationToken cancellationToken)
        {
            await Release.Task.WaitAsync(cancellationToken);
            return new StartedEngine(engine, engine.Ended.Task, new Life(engine));
        }
    }

    // Ends as the engine does: whoever is still there is told.
    private sealed class Life(FakeEngine engine) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            foreach (var request in engine.Requests)
            {
                request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.Draining, "The daemon is shutting down.") });
                request.End();
            }

            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>An answer, read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, string Text, HttpResponseMessage Response)
{
    public int Code => (int)Status;

    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    /// <summary>The error object of a failure.</summary>
    public JsonElement Error => Json.GetProperty("error");

    public string? Param => Error.GetProperty("param").GetString();

    public string Message => Error.GetProperty("message").GetString()!;

    public string? Header(string name) => Response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    /// <summary>The data of every server-sent event, in order.</summary>
    public IReadOnlyList<string> Events => [.. Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(part => part.StartsWith("data: ", StringComparison.Ordinal) ? part[6..] : throw new FormatException(part))];
}
